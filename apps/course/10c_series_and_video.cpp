// Chapter 10c, series and video: convolution along one axis takes noise out of waves, convolution along three
// tells in which direction something moves.
#include <fmt/format.h>
#include <numbers>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

constexpr int64_t kFrames = 6, kSide = 12;

/// Waves [N, 1, 128] of two sines each.
Tensor waves(int64_t count) {
  const Tensor times = linspace(0, 2 * std::numbers::pi, 128).reshape({1, 1, 128});
  const auto sine = [&](double low, double high) {
    return sin(rand({count, 1, 1}, low, high) * times + rand({count, 1, 1}, 0, 2 * std::numbers::pi));
  };
  return sine(1, 3) + 0.5 * sine(5, 10);
}

void series(const apps::Chapter& chapter, Figure& figure) {
  Sequential net{Conv1d({.out_channels = 16, .kernel = 9, .padding = 4}),
                 ReLU(),
                 AvgPool1d({.kernel = 2}),
                 Conv1d({.out_channels = 16, .kernel = 9, .padding = 4}),
                 ReLU(),
                 ConvTranspose1d({.out_channels = 1, .kernel = 4, .stride = 2, .padding = 1})};
  fmt::print("{}\n", summary(net, {1, 1, 128}));
  const Tensor clean = waves(chapter.choose(4000, 1000)), noisy = clean + 0.5 * randn(clean.shape());
  Adam optimizer({.lr = 0.003});
  Trainer trainer(net, MSELoss(), optimizer, {.device = chapter.device(), .progress = false});
  trainer.fit(TensorDataset(noisy, clean), {.epochs = chapter.choose(20, 4), .batch_size = 32});
  const Tensor truth = waves(200), seen = truth + 0.5 * randn(truth.shape()), said = trainer.predict(seen);
  const Tensor mean = avg_pool1d(seen, {.kernel = 9, .stride = 1, .padding = 4, .count_include_pad = false});
  chapter.result("error_noisy", mse_loss(seen, truth).item<double>());
  chapter.result("error_mean_of_9", mse_loss(mean, truth).item<double>());
  chapter.result("error_learned", mse_loss(said, truth).item<double>());
  const auto first = [](const Tensor& x) { return x.select(0, 0).select(0, 0); };
  const Tensor steps = arange(0, 128);
  figure.panel({.title = "A series and its noise", .x = {.label = "time step"}, .y = {.label = "value"}})
      .line(steps, first(truth), {.name = "without noise", .dashed = true})
      .scatter(steps, first(seen), {.name = "what the network sees", .radius = 2})
      .line(steps, first(said), {.name = "what it says"});
}

/// A square of 3 x 3 that moves up, down, left or right by a pixel from frame to frame, and comes in again
/// where it leaves: clips [N, frames, rows, columns, 1], with the channels last as Keras has them.
TensorDataset clips(int64_t count) {
  const std::vector<int64_t> from = choice(kSide, {count, 2}).to_vector<int64_t>();
  const Tensor labels = choice(4, {count});
  const std::vector<int64_t> direction = labels.to_vector<int64_t>();
  const int64_t down[] = {kSide - 1, 1, 0, 0}, right[] = {0, 0, kSide - 1, 1};
  std::vector<float> pixels(size_t(count * kFrames * kSide * kSide));
  for (int64_t i = 0; i < count * kFrames * 9; ++i) {
    const int64_t clip = i / (kFrames * 9), frame = i / 9 % kFrames;
    const auto n = size_t(clip), way = size_t(direction[n]);
    const int64_t row = (from[2 * n] + frame * down[way] + i / 3 % 3) % kSide;
    const int64_t column = (from[2 * n + 1] + frame * right[way] + i % 3) % kSide;
    pixels[size_t(((clip * kFrames + frame) * kSide + row) * kSide + column)] = 1;
  }
  return {from_vector(pixels, {count, kFrames, kSide, kSide, 1}), labels};
}

void video(const apps::Chapter& chapter, Figure& figure) {
  const TensorDataset train = clips(chapter.choose(2000, 600)), test = clips(300);
  Sequential net{FromChannelsLast(),
                 Conv3d({.out_channels = 8, .kernel = 3}),
                 ReLU(),
                 MaxPool3d({.kernel = {1, 2, 2}}),
                 Conv3d({.out_channels = 16, .kernel = 3}),
                 ReLU(),
                 AvgPool3d({.kernel = {2, 3, 3}}),
                 Flatten(),
                 Linear({.out_features = 4})};
  fmt::print("{}\n", summary(net, {1, kFrames, kSide, kSide, 1}));
  Adam optimizer({.lr = 0.003});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, {.device = chapter.device(), .progress = false});
  const History history =
      trainer.fit(train, {.epochs = chapter.choose<int64_t>(10, 5), .batch_size = 32, .validation = &test});
  chapter.result("right_direction", history.epochs.back().validation.accuracy);
  figure.panel({.title = "Four clips of six frames", .axes = false})
      .images(test.x().slice(0, 0, 4).reshape({4 * kFrames, kSide, kSide}), {.columns = kFrames});
}

}  // namespace

int main(int argc, char** argv) {
  const auto body = [](apps::Chapter& chapter) {
    Figure figure({.columns = 2});
    series(chapter, figure);
    video(chapter, figure);
    chapter.save(figure);
  };
  return apps::run_chapter({"10c_series_and_video", "Convolution along one and three axes."}, argc, argv,
                           body);
}
