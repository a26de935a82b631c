// Chapter 7, initialisation: what six ways to start make of the values between layers, and why units must not
// start equal.
#include <fmt/format.h>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

struct Start {
  std::string name;
  Init init;
};
const Start kStarts[] = {{"zeros", Init::zeros},
                         {"normal 1", Init::normal(1)},
                         {"normal 0.01", Init::normal(0.01)},
                         {"Xavier", Init::xavier_normal()},
                         {"He", Init::he},
                         {"orthogonal", Init::orthogonal()}};

/// 1000 times 100 normal numbers through five layers of 100 units: histograms of what comes out of each.
template <typename Activation>
void show_values(const apps::Chapter& chapter, Figure& figure, double low, double high) {
  const std::string name(Activation().type_name());
  const double width = (high - low) / 21;  // of a bin
  for (const auto& [start, init] : kStarts) {
    manual_seed(chapter.seed());
    Sequential net;
    for (int layer = 0; layer < 5; ++layer) {
      net.add(Linear({.out_features = 100, .bias = false, .init = init})).add(Activation());
    }
    Panel& panel = figure.panel({.title = name + ", " + start,
                                 .x = {.label = "value", .from = low, .to = high},
                                 .y = {.label = "elements", .from = 0, .to = 40000}});
    const auto rows = activation_histograms(net, randn({1000, 100}), {.bins = 21, .low = low, .high = high});
    for (size_t row = 1; row < rows.size(); row += 2) {  // each second layer is an activation
      panel.line(arange(low + width / 2, high, width), rows[row].histogram.counts,
                 {.name = std::to_string(row / 2 + 1)});
    }
    chapter.result(fmt::format("{}_{}_deviation", name, start), rows.back().deviation);
  }
}

/// The largest difference between the units of a layer that starts with equal ones and learns digits.
double difference_of_equal_units(apps::Chapter& chapter) {
  const ImageDataset digits = chapter.digits(1000);
  const Subset images(digits.train, 0, 1000);
  Sequential net{Flatten(), Linear({.out_features = 100, .init = Init::constant(0.01)}), ReLU(),
                 Linear({.out_features = 10, .init = Init::constant(0.01)})};
  SGD optimizer({.lr = 0.01});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, {.device = chapter.device(), .progress = false});
  trainer.fit(images, {.epochs = chapter.choose(20, 4), .batch_size = 100});
  const Tensor weight = net.parameters()[0].detach().to(kCpu);
  return max(abs(weight - weight.slice(0, 0, 1))).item<double>();
}

void chapter(apps::Chapter& chapter) {
  Figure figure({.title = "What comes out of each of five layers", .columns = 6, .panel_width = 230});
  show_values<Sigmoid>(chapter, figure, 0, 1);
  show_values<Tanh>(chapter, figure, -1, 1);
  show_values<ReLU>(chapter, figure, 0, 2.5);
  chapter.save(figure);
  chapter.result("difference_of_equal_units", difference_of_equal_units(chapter));
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"07_initialisation", "How weights start."}, argc, argv, chapter);
}
