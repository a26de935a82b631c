// The command line of the training programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/data_choice.h"
#include "apps/demo.h"
#include "dlengine/core/device.h"

namespace dlengine::apps {

struct DemoOptions {
  DataOptions data;
  Recipe recipe;  // as changed by the options
  std::optional<std::string> device;
  uint64_t seed = 1;
  int threads = 0;                     // 0: all
  std::string save, load, checkpoint;  // paths; empty: none
  bool resume = false;
  std::optional<double> expect_accuracy;
};

/// Fills options. Returns the exit code if the program is to end here: after --help, --list-devices or wrong
/// usage.
std::optional<int> parse_options(const Demo& demo, int argc, char** argv, DemoOptions& options);

}  // namespace dlengine::apps
