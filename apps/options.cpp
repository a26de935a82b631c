// Options by CLI11: names, ranges and the text of --help.
#include "apps/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <system_error>
#include <vector>

#include "apps/console.h"
#include "dlengine/core/error.h"

namespace dlengine::apps {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 error, 2 wrong usage, 3 --expect-accuracy not reached, 130 stopped by Ctrl-C";

/// What the recipe leaves to the command line.
struct Overrides {
  std::string recipe;
  std::optional<int64_t> epochs, batch_size;
  std::optional<double> lr;
  std::optional<std::string> optimizer;
};

std::vector<std::string> recipe_names(const Demo& demo) {
  std::vector<std::string> names;
  for (const Recipe& recipe : demo.recipes) names.push_back(recipe.name);
  return names;
}

/// A number within limits; unlike CLI::Range it also refuses NaN.
CLI::Validator between(double low, double high) {
  const auto check_text = [low, high](const std::string& text) {
    double value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && value >= low && value <= high;
    return good ? std::string() : fmt::format("Value {} not in range {} to {}", text, low, high);
  };
  return CLI::Validator(check_text, fmt::format("in [{} - {}]", low, high));
}

// strtoull() takes "-1" for a large number, and numbers that are too large for the largest.
std::string check_seed(const std::string& text) {
  uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seed);
  const bool good = error == std::errc() && stop == end;
  return good ? std::string() : fmt::format("Value {} is no whole number from 0 to 2^64 - 1", text);
}

// A device that is spelled right but missing is no wrong usage; it is reported when it is asked for.
std::string check_device(const std::string& text) {
  try {
    Device::parse(text);
  } catch (const ValueError& error) {
    return error.what();
  } catch (const DeviceError&) {
  }
  return {};
}

/// Optimizers with rates that suit them where the recipe was made for another one.
const std::map<std::string, double> kUsualRates = {{"sgd", 0.1},      {"momentum", 0.02}, {"nesterov", 0.02},
                                                   {"rmsprop", 1e-3}, {"adam", 1e-3},     {"adamw", 1e-3}};

Recipe chosen_recipe(const Demo& demo, const Overrides& given) {
  Recipe recipe = *std::ranges::find(demo.recipes, given.recipe, &Recipe::name);
  if (given.optimizer && *given.optimizer != recipe.optimizer) {
    recipe.optimizer = *given.optimizer;
    recipe.lr = kUsualRates.at(recipe.optimizer);
  }
  recipe.lr = given.lr.value_or(recipe.lr);
  recipe.epochs = given.epochs.value_or(recipe.epochs);
  recipe.batch_size = given.batch_size.value_or(recipe.batch_size);
  return recipe;
}

void add_training_options(CLI::App& app, const Demo& demo, Overrides& given) {
  const Recipe& usual = demo.recipes.front();
  given.recipe = usual.name;
  app.add_option("--recipe", given.recipe, "Initialisation, optimizer, learning rate and schedule together")
      ->check(CLI::IsMember(recipe_names(demo)))
      ->capture_default_str();
  app.add_option("--epochs", given.epochs,
                 fmt::format("Passes over the training data [{}]; 0 only evaluates", usual.epochs))
      ->check(CLI::Range(int64_t{0}, int64_t{100000}));
  app.add_option("--batch-size", given.batch_size, fmt::format("Images per step [{}]", usual.batch_size))
      ->check(CLI::Range(int64_t{1}, int64_t{60000}));
  app.add_option("--lr", given.lr, "Learning rate; with a schedule its largest value [the recipe's]")
      ->check(between(1e-12, 1e3));
  app.add_option("--optimizer", given.optimizer, "The rule that moves the weights [the recipe's]")
      ->check(CLI::IsMember(&kUsualRates));
}

void add_limit_option(CLI::App& app, DataOptions& options) {
  app.add_option("--limit", options.limit, "Use only this many training and test images, for a quick try")
      ->check(CLI::Range(int64_t{1}, int64_t{60000}));
}

void add_file_options(CLI::App& app, DemoOptions& options) {
  app.add_option("--load", options.load, "Start from the weights in this file");
  app.add_option("--save", options.save, "Write the weights to this file (safetensors), also on Ctrl-C");
  auto* checkpoint =
      app.add_option("--checkpoint", options.checkpoint,
                     "Keep the whole state of the training in this file, epoch by epoch and on Ctrl-C");
  app.add_flag("--resume", options.resume, "Go on from the checkpoint, whose optimizer and rate stay")
      ->needs(checkpoint)
      ->excludes("--load")
      ->excludes("--lr");
  app.add_option("--expect-accuracy", options.expect_accuracy,
                 "Exit with 3 if the test accuracy is below this share")
      ->check(between(0, 1));
}

}  // namespace

void add_data_options(CLI::App& app, DataOptions& options, const std::string& usual) {
  app.add_option("--data", options.folder,
                 "Folder of the data set [DLENGINE_DATA_DIR, the cache, a download]");
  app.add_option("--dataset", options.dataset,
                 fmt::format("The images: {} [{}]", fmt::join(options.choices, ", "), usual))
      ->check(CLI::IsMember(options.choices));
}

void add_device_option(CLI::App& app, std::optional<std::string>& device) {
  app.add_option("--device", device, "cpu, cuda, cuda:1, ... or best [DLENGINE_DEVICE, else best]")
      ->check(CLI::Validator(check_device, ""));
}

void add_machine_options(CLI::App& app, MachineOptions& options) {
  add_device_option(app, options.device);
  app.add_option("--threads", options.threads, "Threads of the CPU [all cores]")->check(CLI::Range(1, 1024));
  app.add_option("--seed", options.seed, "Of weights, order and dropout: one seed, one result")
      ->check(CLI::Validator(check_seed, ""))
      ->capture_default_str();
}

std::optional<int> parse_options(const Demo& demo, int argc, char** argv, DemoOptions& options) {
  CLI::App app(demo.about, demo.network);
  app.footer(kExitCodes);
  Overrides given;
  bool list_devices = false;
  options.data.choices = demo.datasets;
  demo.datasets == digit_sets() ? add_data_options(app, options.data)
                                : add_data_options(app, options.data, demo.datasets.front());
  add_limit_option(app, options.data);
  add_training_options(app, demo, given);
  add_machine_options(app, options);
  add_file_options(app, options);
  app.add_flag("--list-devices", list_devices, "Say which devices there are, and why others are not");
  try {
    app.parse(argc, argv);
    if (!options.save.empty() && options.save == options.checkpoint)
      throw CLI::ValidationError("--save", "it is the file of --checkpoint, too");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (list_devices) {
    print_devices();
    return 0;
  }
  options.recipe = chosen_recipe(demo, given);
  return std::nullopt;
}

}  // namespace dlengine::apps
