// The command line of the training programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/data_choice.h"
#include "apps/demo.h"
#include "dlengine/core/device.h"

namespace CLI {
class App;
}

namespace dlengine::apps {

/// What programs that compute have in common.
struct MachineOptions {
  std::optional<std::string> device;
  uint64_t seed = 1;
  int threads = 0;  // 0: all
};

struct DemoOptions : MachineOptions {
  DataOptions data;
  Recipe recipe;                       // as changed by the options
  std::string save, load, checkpoint;  // paths; empty: none
  bool resume = false;
  std::optional<double> expect_accuracy;
};

/// Fills options. Returns the exit code if the program is to end here: after --help, --list-devices or wrong
/// usage.
std::optional<int> parse_options(const Demo& demo, int argc, char** argv, DemoOptions& options);

void add_device_option(CLI::App& app, std::optional<std::string>& device);
/// --device, --threads and --seed.
void add_machine_options(CLI::App& app, MachineOptions& options);
/// --data and --dataset, which takes options.choices; usual: what --help says of a program without them.
void add_data_options(CLI::App& app, DataOptions& options,
                      const std::string& usual = "mnist, or synthetic where that is not to be had");

}  // namespace dlengine::apps
