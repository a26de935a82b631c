// Chapter 7, initialisation: what five ways to start make of the values between layers, why units must not
// start equal, and how little the start matters behind batch norm.
#include <fmt/format.h>
#include <cmath>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {
const char* const kNames[] = {"zeros", "normal_1", "normal_0.01", "xavier", "he"};
const Init kStarts[] = {Init::zeros, Init::normal(1), Init::normal(0.01), Init::xavier_normal(), Init::he};

/// 1000 times 100 normal numbers through five layers of 100 units: histograms of what comes out of each.
template <typename Activation>
void show_values(const apps::Chapter& chapter, Figure& figure, double low, double high) {
  const std::string name(Activation().type_name());
  const double width = (high - low) / 25;  // of a bin
  for (size_t i = 0; i < std::size(kStarts); ++i) {
    manual_seed(chapter.seed());
    Sequential net;
    for (int layer = 0; layer < 5; ++layer) {
      net.add(Linear({.out_features = 100, .bias = false, .init = kStarts[i]})).add(Activation());
    }
    Panel& panel = figure.panel({.title = name + ", " + kNames[i],
                                 .x = {.label = "value", .from = low, .to = high},
                                 .y = {.label = "elements", .from = 0, .to = 40000}});
    const auto rows = activation_histograms(net, randn({1000, 100}), {.bins = 25, .low = low, .high = high});
    for (size_t row = 1; row < rows.size(); row += 2) {  // each second layer is an activation
      panel.line(arange(low + width / 2, high, width), rows[row].histogram.counts,
                 {.name = fmt::format("layer {}", row / 2 + 1)});
    }
    chapter.result(fmt::format("{}_{}_deviation", name, kNames[i]), rows.back().deviation);
  }
}

Sequential classifier(const Init& init, int64_t layers, bool batch_norm) {
  Sequential net{Flatten()};
  for (int64_t layer = 0; layer < layers; ++layer) {
    net.add(Linear({.out_features = 100, .init = init}));
    if (batch_norm) net.add(BatchNorm1d());
    net.add(ReLU());
  }
  net.add(Linear({.out_features = 10, .init = init}));
  return net;
}

/// Accuracy on the training images in each epoch; the last is 0 where numbers grow beyond all bounds.
std::vector<double> train(const apps::Chapter& chapter, Sequential& net, const Dataset& images) {
  SGD optimizer({.lr = 0.01});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, {.device = chapter.device(), .progress = false});
  std::vector<double> accuracies;
  const auto keep = [&](const EpochRecord& epoch) { accuracies.push_back(epoch.train.accuracy); };
  try {
    trainer.fit(images, {.epochs = chapter.choose(20, 4), .batch_size = 100, .on_epoch = keep});
  } catch (const ValueError&) {
    accuracies.push_back(0);
  }
  return accuracies;
}

void chapter(apps::Chapter& chapter) {
  Figure values({.title = "What comes out of five layers", .columns = 5, .panel_width = 250});
  show_values<Sigmoid>(chapter, values, 0, 1);
  show_values<Tanh>(chapter, values, -1, 1);
  show_values<ReLU>(chapter, values, 0, 2.5);
  chapter.save(values);
  const ImageDataset digits = chapter.digits(1000);
  const Subset images(digits.train, 0, 1000);
  Sequential equal = classifier(Init::constant(0.01), 1, false);  // equal gradients keep units equal
  train(chapter, equal, images);
  const Tensor weight = equal.parameters()[0].detach().to(kCpu);
  chapter.result("difference_of_equal_units", max(abs(weight - weight.slice(0, 0, 1))).item<double>());
  Figure curves({.title = "Training from 16 deviations", .columns = 4, .panel_width = 250});
  int learned[] = {0, 0};
  for (int i = 0; i < 16; ++i) {
    const double deviation = std::pow(10, -4 * i / 15.0);
    Panel& panel = curves.panel({.title = fmt::format("deviation {:.2g}", deviation),
                                 .x = {.label = "epoch"},
                                 .y = {.label = "accuracy", .from = 0, .to = 1}});
    for (const bool batch_norm : {true, false}) {
      manual_seed(chapter.seed());
      Sequential net = classifier(Init::normal(deviation), 5, batch_norm);
      const std::vector<double> accuracies = train(chapter, net, images);
      panel.line(arange(1, double(accuracies.size()) + 1), accuracies,
                 {.name = batch_norm ? "batch norm" : "without", .dashed = !batch_norm});
      learned[batch_norm] += accuracies.back() > 0.3;
    }
  }
  chapter.save(curves, "batch_norm");
  chapter.result("learned_with_batch_norm", learned[1]);
  chapter.result("learned_without", learned[0]);
}
}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"07_initialisation", "How weights start."}, argc, argv, chapter);
}
