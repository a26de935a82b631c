// What the training programs share: from the command line to the last line of output.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/data_choice.h"
#include "dlengine/data/augmented_images.h"
#include "dlengine/layers/init.h"
#include "dlengine/optim/optimizer.h"
#include "dlengine/optim/schedule.h"

namespace dlengine::apps {

/// A way to train; options of the command line change single parts of it.
struct Recipe {
  std::string name;
  Init init = Init::torch;
  Defaults defaults = Defaults::torch;  // of the optimizer
  std::string optimizer = "adam";       // a name for make_optimizer()
  double lr = 1e-3;
  Schedule schedule = {};  // empty: constant
  int64_t batch_size = 128;
  int64_t epochs = 5;
};

struct Demo {
  std::string network;                               // name for make_network(), and the program's own
  std::string about;                                 // for --help
  std::vector<Recipe> recipes;                       // the first one is the default
  std::vector<std::string> datasets = digit_sets();  // that --dataset takes; the first one is the default
  AugmentOptions augment = {};                       // what happens to the training images
};

/// The whole program. Exit codes: 0 done, 1 error, 2 wrong usage, 3 the accuracy asked for was not reached,
/// 130 stopped by Ctrl-C.
int run_demo(const Demo& demo, int argc, char** argv);

}  // namespace dlengine::apps
