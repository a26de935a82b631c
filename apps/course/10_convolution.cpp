// Chapter 10, convolution: by hand and by a layer, what sizes and receptive fields come out, and what the
// filters of a first layer look for once they have learned.
#include <fmt/format.h>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

/// x [N, 1, H, W] with one filter [R, S]: the sum over its taps of the shifted images times the tap.
Tensor convolve_by_hand(const Tensor& x, const Tensor& filter) {
  const int64_t rows = x.dim(2) - filter.dim(0) + 1, columns = x.dim(3) - filter.dim(1) + 1;
  Tensor y = zeros({x.dim(0), 1, rows, columns});
  for (int64_t r = 0; r < filter.dim(0); ++r) {
    for (int64_t s = 0; s < filter.dim(1); ++s) {
      y = y + x.slice(2, r, r + rows).slice(3, s, s + columns) * filter.select(0, r).select(0, s);
    }
  }
  return y;
}

Sequential network() {
  Sequential net;
  net.add("conv1",
          Conv2d({.in_channels = 1, .out_channels = 16, .kernel = 5, .bias = false, .init = Init::he}))
      .add("relu1", ReLU())
      .add("pool1", MaxPool2d({.kernel = 2}))
      .add("conv2", Conv2d({.in_channels = 16, .out_channels = 32, .kernel = 3, .padding = same_padding(3)}))
      .add("relu2", ReLU())
      .add("pool2", MaxPool2d({.kernel = 2}))
      .add("flatten", Flatten())
      .add("fc", Linear({.in_features = 32 * 6 * 6, .out_features = 10}));
  return net;
}

/// The filters of the first layer: [16, 5, 5].
Tensor filters_of(Sequential& net) { return net.parameters()[0].detach().to(kCpu).clone().squeeze(1); }

void show_edges(const apps::Chapter& chapter, const Tensor& digit) {
  const Tensor upright = tensor({{1, 0, -1}, {2, 0, -2}, {1, 0, -1}});  // Sobel's filter for vertical edges
  const Tensor by_hand = convolve_by_hand(digit, upright);
  const Tensor by_layer = conv2d(digit, upright.reshape({1, 1, 3, 3}));
  chapter.result("by_hand_difference", max(abs(by_hand - by_layer)).item<double>());
  const Tensor level = conv2d(digit, upright.transpose(0, 1).reshape({1, 1, 3, 3}));
  Figure figure({.title = "A digit and its edges", .columns = 3, .panel_width = 260, .panel_height = 220});
  const ImagesOptions signs{
      .colors = ColorMap::diverging, .low = -4, .high = 4, .label = "response", .color_bar = true};
  figure.panel({.title = "digit", .axes = false}).images(digit.reshape({28, 28}));
  figure.panel({.title = "vertical edges", .axes = false}).images(by_hand.reshape({26, 26}), signs);
  figure.panel({.title = "horizontal edges", .axes = false}).images(level.reshape({26, 26}), signs);
  chapter.save(figure, "edges");
}

void chapter(apps::Chapter& chapter) {
  const ImageDataset digits = chapter.digits(2000);
  const Tensor digit = digits.test.get(std::vector<int64_t>{0}).x;
  show_edges(chapter, digit);

  Sequential net = network();
  fmt::print("{}\n", summary(net, {1, 1, 28, 28}));
  const std::vector<SummaryRow> rows = summary_rows(net, {1, 1, 28, 28});
  chapter.result("receptive_field", double(rows[5].receptive_field[0]));  // behind the second pooling
  const Tensor before = filters_of(net);
  Adam optimizer({.lr = 0.001});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, {.device = chapter.device(), .seed = chapter.seed()});
  trainer.fit(digits.train, {.epochs = chapter.choose<int64_t>(3, 2), .batch_size = 64});
  chapter.result("test_accuracy", trainer.evaluate(digits.test).accuracy);

  const Tensor after = filters_of(net);
  const Tensor responses = relu(conv2d(digit, after.unsqueeze(1))).squeeze(0);
  const double largest = max(abs(concat({before, after}, 0))).item<double>();
  const ImagesOptions signs{.columns = 4,
                            .colors = ColorMap::diverging,
                            .low = -largest,
                            .high = largest,
                            .label = "tap",
                            .color_bar = true};
  Figure figure(
      {.title = "The 16 filters of the first layer", .columns = 3, .panel_width = 320, .panel_height = 280});
  figure.panel({.title = "before training", .axes = false}).images(before, signs);
  figure.panel({.title = "after training", .axes = false}).images(after, signs);
  figure.panel({.title = "what they find in the digit", .axes = false})
      .images(responses, {.columns = 4, .label = "response", .color_bar = true});
  chapter.save(figure);
  chapter.result("filters_moved", max(abs(after - before)).item<double>());
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"10_convolution", "Convolution by hand and by layer, and learned filters."}, argc,
                           argv, chapter);
}
