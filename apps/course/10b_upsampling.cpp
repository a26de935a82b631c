// Chapter 10b, smaller and larger images: a digit is pooled by mean and by maximum, and brought back by five
// ways, of which one is learned.
#include <fmt/format.h>

#include <cmath>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

const Pool2dParams kHalf{.kernel = 2};

/// From 14 x 14 pixels to 28 x 28: a transposed convolution, then a depthwise one, with a filter for each
/// channel alone, and one of 1 x 1, which mixes channels and nothing else.
Sequential network() {
  return Sequential(
      ConvTranspose2d({.in_channels = 1, .out_channels = 16, .kernel = 4, .stride = 2, .padding = 1}), ReLU(),
      Conv2d({.in_channels = 16, .out_channels = 16, .kernel = 5, .padding = 2, .groups = 16}), ReLU(),
      Conv2d({.in_channels = 16, .out_channels = 1, .kernel = 1}));
}

/// Bilinear up-sampling as a transposed convolution: each pixel spreads over 4 x 4 of the larger image.
Tensor spread(const Tensor& x) {
  const Tensor row = tensor({0.25F, 0.75F, 0.75F, 0.25F});
  const Tensor filter = (row.unsqueeze(1) * row).reshape({1, 1, 4, 4});
  return conv_transpose2d(x, filter, {}, {.stride = 2, .padding = 1});
}

/// Images [N, 1, 28, 28] of 0 .. 1.
Tensor images_of(const TensorDataset& digits, int64_t count) {
  return digits.x().slice(0, 0, std::min(count, digits.size())).to(DType::f32) / 255;
}

void learn(const apps::Chapter& chapter, Sequential& net, const Tensor& images) {
  const TensorDataset pairs(avg_pool2d(images, kHalf), images);
  Adam optimizer({.lr = 0.002});
  Trainer trainer(net, MSELoss(), optimizer, {.device = chapter.device(), .seed = chapter.seed()});
  trainer.fit(pairs, {.epochs = chapter.choose<int64_t>(5, 2), .batch_size = 64});
  net.to(kCpu);
}

/// A network for images whose channels come last, [N, H, W, C], as Keras and image files have them.
void show_layouts(const apps::Chapter& chapter) {
  const Tensor x = rand({4, 3, 8, 8});
  Conv2d conv({.in_channels = 3, .out_channels = 5, .kernel = 3});
  const Tensor y = conv(x);
  Sequential net{FromChannelsLast(), std::move(conv)};
  chapter.result("layout_difference", max(abs(net(to_channels_last(x)) - y)).item<double>());
}

void chapter(apps::Chapter& chapter) {
  const ImageDataset digits = chapter.digits(2000);
  Sequential net = network();
  fmt::print("{}\n", summary(net, {1, 1, 14, 14}));
  learn(chapter, net, images_of(digits.train, 20000));
  show_layouts(chapter);

  const NoGrad no_grad;
  const Tensor x = images_of(digits.test, 1000), mean = avg_pool2d(x, kHalf);
  const auto [largest, places] = MaxPool2d(kHalf).with_indices(x);
  Figure figure({.title = "A digit made smaller, and larger again (with the error over 1000 digits)",
                 .columns = 4,
                 .panel_width = 220,
                 .panel_height = 240});
  const auto show = [&](const std::string& title, const Tensor& images) {
    figure.panel({.title = title, .axes = false})
        .images(images.select(0, 0).squeeze(0), {.low = 0, .high = 1});
  };
  const auto compare = [&](const std::string& name, const Tensor& images) {
    const double error = std::sqrt(mse_loss(images, x).item<double>());
    show(fmt::format("{}: {:.3f}", name, error), images);
    chapter.result("error_" + name, error);
  };
  show("digit, 28 x 28", x);
  show("means of 2 x 2", mean);
  show("maxima of 2 x 2", largest);
  compare("un-pooled", MaxUnpool2d(kHalf)(largest, places));
  compare("nearest", Upsample({.scale_factor = 2})(mean));
  const Tensor bilinear = Upsample({.scale_factor = 2, .mode = InterpolateMode::bilinear})(mean);
  compare("bilinear", bilinear);
  compare("transposed", spread(mean));
  compare("learned", net(mean));
  chapter.save(figure);
  const Tensor inside = (spread(mean) - bilinear).index({kEllipsis, Slice(1, -1), Slice(1, -1)});
  chapter.result("difference_inside", max(abs(inside)).item<double>());
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"10b_upsampling", "Pooling, and four kinds of up-sampling."}, argc, argv,
                           chapter);
}
