// The choice of data, said aloud.
#include "apps/data_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "dlengine/data/cifar.h"
#include "dlengine/data/mnist.h"
#include "dlengine/data/synthetic_digits.h"

namespace dlengine::apps {
namespace {

constexpr const char* kNotMnist =
    "      These are SYNTHETIC digits, drawn by this program: the figures below are not MNIST's.\n";

TensorDataset first_images(const TensorDataset& images, int64_t limit) {
  return {images.x().slice(0, 0, limit), images.y().slice(0, 0, limit)};
}

ChosenData synthetic(const DataOptions& options) {
  SyntheticDigitsOptions sizes;
  sizes.train = options.limit.value_or(sizes.train);
  sizes.test = std::min(sizes.test, sizes.train);
  return {"synthetic", synthetic_digits(sizes)};
}

ChosenData load(const DataOptions& options) {
  if (options.dataset == "synthetic") return synthetic(options);
  const std::string name = options.dataset.value_or(options.choices.front());
  try {
    DataPlaces places;
    places.data_dir = options.folder;
    ImageDataset images = name == "cifar10" ? load_cifar10(places) : load_mnist(name, places);
    if (options.limit) {
      images.train = first_images(images.train, *options.limit);
      images.test = first_images(images.test, *options.limit);
    }
    return {name, std::move(images)};
  } catch (const DataNotFoundError& error) {
    const bool asked_for = options.dataset || !options.folder.empty();
    if (asked_for || std::ranges::count(options.choices, "synthetic") == 0) throw;
    fmt::print(stderr, "{}\nGoing on with synthetic digits instead.\n", error.what());
    return synthetic(options);
  }
}

}  // namespace

std::vector<std::string> digit_sets() { return {"mnist", "fashion_mnist", "synthetic"}; }

ChosenData choose_data(const DataOptions& options) {
  ChosenData data = load(options);
  fmt::print("data: {}: {} training and {} test images\n{}", data.images.source, data.images.train.size(),
             data.images.test.size(), data.name == "synthetic" ? kNotMnist : "");
  return data;
}

}  // namespace dlengine::apps
