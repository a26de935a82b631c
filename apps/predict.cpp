// Says what an image shows, with what a demo saved, or a graph of it: predict --help.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "apps/console.h"
#include "apps/options.h"
#include "apps/prediction.h"

using dlengine::apps::kExitUsage;

int main(int argc, char** argv) {
  dlengine::apps::PredictOptions options;
  options.data.choices.push_back("cifar10");
  CLI::App app("Classifies one image with the weights that a demo saved.", "predict");
  app.add_option("--load", options.load,
                 "Weights written by --save of a demo, or a graph written by dlengine graph")
      ->required();
  auto* image =
      app.add_option("image", options.image,
                     "PNG, JPEG, PGM or PPM as large as the training's images; digits white on black");
  app.add_option("--index", options.index, "Instead of a file: number of an image of the test set, from 0")
      ->check(CLI::NonNegativeNumber)
      ->excludes(image);
  app.add_flag("--invert", options.invert, "The image is black on white")->needs(image);
  dlengine::apps::add_data_options(app, options.data, "that of the training");
  dlengine::apps::add_device_option(app, options.device);
  try {
    app.parse(argc, argv);
    if (options.image.empty() && !options.index) throw CLI::RequiredError("image or --index");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return dlengine::apps::run_guarded("predict", [&] { return predict_one(options); });
}
