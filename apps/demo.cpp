// The course of a training program.
#include "apps/demo.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "apps/console.h"
#include "apps/data_choice.h"
#include "apps/networks.h"
#include "apps/options.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/random.h"
#include "dlengine/layers/loss.h"
#include "dlengine/layers/summary.h"
#include "dlengine/optim/optim.h"
#include "dlengine/train/trainer.h"

namespace dlengine::apps {
namespace {

void save_network(Module& net, const std::string& path, const std::string& network, const ChosenData& data) {
  save_safetensors(path, net.state(),
                   {{kModelKey, network},
                    {kDatasetKey, data.name},
                    {kClassesKey, fmt::format("{}", fmt::join(data.images.class_names, "\n"))}});
}

struct Speed {
  double seconds = 0;
  double images_per_second = 0;
};

Speed speed_of(const History& history) {
  double seconds = 0, images = 0;
  for (const EpochRecord& record : history.epochs) {
    seconds += record.train.seconds;
    images += record.train.seconds * record.rate;
  }
  return {seconds, seconds > 0 ? images / seconds : 0};
}

/// One run of a demo, after its options are known.
class Run {
 public:
  Run(const Demo& demo, DemoOptions options) : demo_(demo), options_(std::move(options)) {}
  int operator()();

 private:
  void start();
  History train(Trainer& trainer, const Dataset& images);
  int report(const Trainer& trainer, const History& history, const Metrics& test) const;

  const Demo& demo_;
  DemoOptions options_;
  Device device_;
  std::string dataset_;
};

// All that can fail for reasons outside of the training fails here, before hours of work.
void Run::start() {
  if (options_.threads > 0) set_num_threads(options_.threads);
  device_ = choose_device(options_.device);
  print_device(device_, options_.device.has_value());
  if (!options_.save.empty()) AtomicFile(options_.save);
  manual_seed(options_.seed);
}

int Run::operator()() {
  start();
  const ChosenData data = choose_data(options_.data);
  dataset_ = data.name;
  const Recipe& recipe = options_.recipe;
  Sequential net = make_network(demo_.network, recipe.init);
  if (!options_.load.empty()) load_weights(net, options_.load);
  net.to(device_);
  const auto optimizer = make_optimizer(recipe.optimizer, recipe.lr, recipe.defaults);
  Trainer trainer(net, CrossEntropyLoss(), *optimizer, {.device = device_, .seed = options_.seed});
  if (options_.resume) trainer.load_checkpoint(options_.checkpoint);
  fmt::print("recipe: {}: {} with rate {:g}, batches of {}, {} epochs{}\n\n{}\n", recipe.name,
             recipe.optimizer, optimizer->lr(), recipe.batch_size, recipe.epochs,
             options_.resume ? fmt::format(" of which {} are done", trainer.epoch()) : "",
             summary(net, image_shape(demo_.network)));
  std::fflush(stdout);

  const AugmentedImages augmented(data.images.train, demo_.augment);
  const bool augment = demo_.augment.shift > 0 || demo_.augment.flip;
  const History history =
      train(trainer, augment ? static_cast<const Dataset&>(augmented) : data.images.train);
  if (!options_.save.empty()) save_network(net, options_.save, demo_.network, data);
  if (history.interrupted) {
    fmt::print(stderr, "{}: stopped by Ctrl-C{}\n", demo_.network,
               options_.save.empty() ? "" : fmt::format("; the weights are in {}", options_.save));
    return kExitInterrupted;
  }
  return report(trainer, history, trainer.evaluate(data.images.test));
}

History Run::train(Trainer& trainer, const Dataset& images) {
  const Recipe& recipe = options_.recipe;
  if (recipe.epochs == 0) return {};
  return trainer.fit(images, {.epochs = recipe.epochs,
                              .batch_size = recipe.batch_size,
                              .schedule = recipe.schedule,
                              .checkpoint = options_.checkpoint});
}

int Run::report(const Trainer& trainer, const History& history, const Metrics& test) const {
  const Speed speed = speed_of(history);
  fmt::print(
      "result dataset={} model={} recipe={} epochs={} test_accuracy={:.4f} test_loss={:.4f} "
      "train_seconds={:.1f} "
      "images_per_second={:.0f} seed={} device={} threads={}\n",
      dataset_, demo_.network, options_.recipe.name, trainer.epoch(), test.accuracy, test.loss, speed.seconds,
      speed.images_per_second, options_.seed, to_string(device_), num_threads());
  if (test.accuracy >= options_.expect_accuracy.value_or(0)) return 0;
  std::fflush(stdout);
  fmt::print(stderr, "{}: test accuracy {:.4f} is below the {:.4f} asked for\n", demo_.network, test.accuracy,
             *options_.expect_accuracy);
  return kExitAccuracy;
}

}  // namespace

int run_demo(const Demo& demo, int argc, char** argv) {
  DemoOptions options;
  if (const auto code = parse_options(demo, argc, argv, options)) return *code;
  return run_guarded(demo.network, [&] { return Run(demo, std::move(options))(); });
}

}  // namespace dlengine::apps
