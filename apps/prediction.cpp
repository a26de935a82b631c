// From a saved network and an image to probabilities.
#include "apps/prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "apps/console.h"
#include "apps/data_choice.h"
#include "apps/networks.h"
#include "apps/saved_model.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/data/dataset.h"
#include "dlengine/data/images.h"

namespace dlengine::apps {
namespace {

constexpr double kBarLength = 40;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

struct Picture {
  Tensor pixels;                 // u8 [C, H, W]
  std::optional<int64_t> label;  // where it is known
};

Picture from_test_set(const DataOptions& options, int64_t index) {
  const ChosenData data = choose_data(options);
  const TensorDataset& test = data.images.test;
  check<ValueError>(index < test.size(), "--index {}: the test set has images 0 .. {}", index,
                    test.size() - 1);
  return {test.x().select(0, index).clone(), test.y().select(0, index).item<int64_t>()};
}

/// [1, C, H, W] of the images that the graph takes.
Shape image_shape(const Graph& graph, const std::string& file) {
  const std::vector<Graph::Port> inputs = graph.inputs();
  check<ShapeError>(inputs.size() == 1, "{}: the graph has {} inputs, need one, for images", file,
                    inputs.size());
  static const std::regex images(R"(\[\w+, ([13]), (\d+), (\d+)\])");
  std::smatch sizes;
  check<ShapeError>(inputs[0].dtype == DType::f32 && std::regex_match(inputs[0].shape, sizes, images),
                    "{}: the graph takes {} {}, need images, f32 [N, 1 or 3, H, W]", file,
                    name(inputs[0].dtype), inputs[0].shape);
  return {1, std::stoll(sizes[1]), std::stoll(sizes[2]), std::stoll(sizes[3])};
}

Picture from_file(const std::string& path, const Shape& shape, bool invert) {
  const Tensor pixels = shape[1] == 1 ? read_image(path).unsqueeze(0) : read_color_image(path);
  check<ValueError>(pixels.dim(1) == shape[2] && pixels.dim(2) == shape[3],
                    "{} is {} x {} pixels: need {} x {}", path, pixels.dim(2), pixels.dim(1), shape[3],
                    shape[2]);
  if (invert) {
    uint8_t* bytes = pixels.data<uint8_t>();
    std::transform(bytes, bytes + pixels.numel(), bytes, [](uint8_t value) { return uint8_t(255 - value); });
  }
  return {pixels, std::nullopt};
}

/// The planes [C, H, W] in gray, all alike: u8 [H, W].
Tensor gray(const Tensor& planes) { return mean(planes.to(DType::f32), {.axes = {0}}).to(DType::u8); }

/// The probabilities by a graph that comes from a file, which may be any.
std::vector<double> probabilities_of(const SavedModel& model, const Tensor& x, int64_t classes,
                                     const std::string& file) {
  const Tensor scores = model.graph(x);
  check<ShapeError>(scores.shape() == Shape{1, classes},
                    "{}: the graph gives {}, need a score for each of {} classes", file, scores.shape(),
                    classes);
  std::vector<double> probabilities = softmax(scores).to_vector<double>();
  check<ValueError>(std::ranges::all_of(probabilities, [](double p) { return std::isfinite(p); }),
                    "{}: the network gives NaN for this image", file);
  return probabilities;
}

void print_probabilities(const std::vector<double>& probabilities, const std::vector<std::string>& classes,
                         std::optional<int64_t> label) {
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const auto length = static_cast<size_t>(std::lround(probabilities[i] * kBarLength));
    fmt::print("{:>12} {:6.2f} % {}\n", classes[i], 100 * probabilities[i], std::string(length, '#'));
  }
  const auto winner = static_cast<size_t>(std::ranges::max_element(probabilities) - probabilities.begin());
  fmt::print("prediction: {} ({:.2f} %){}\n", classes[winner], 100 * probabilities[winner],
             label ? fmt::format(", label: {}", classes.at(static_cast<size_t>(*label))) : "");
}

}  // namespace

int predict_one(const PredictOptions& options) {
  const Device device = choose_device(options.device);
  const SavedModel model = load_model(options.load, device);
  const std::vector<std::string> classes = lines(entry(model.metadata, kClassesKey, options.load));
  check<IoError>(classes.size() == 10, "{} names {} classes, need 10", options.load, classes.size());
  const Shape shape = image_shape(model.graph, options.load);
  DataOptions data = options.data;
  if (options.index && !data.dataset) data.dataset = entry(model.metadata, kDatasetKey, options.load);
  const Picture picture =
      options.index ? from_test_set(data, *options.index) : from_file(options.image, shape, options.invert);
  fmt::print("{}", draw_ascii(gray(picture.pixels)));

  const TensorDataset prepared(picture.pixels.unsqueeze(0), zeros({1}, DType::i64));  // as in training
  const int64_t first[] = {0};
  const Tensor x = prepared.get(first).x;
  print_probabilities(probabilities_of(model, x, std::ssize(classes), options.load), classes, picture.label);
  return 0;
}

}  // namespace dlengine::apps
