// Chapter 7b, normalisation: first weights matter less, and four kinds of it for large batches and small.
#include <fmt/format.h>
#include <cmath>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {
const Axis kEpoch{.label = "epoch"}, kShare{.label = "training accuracy", .from = 0, .to = 1};

/// Accuracy on the training images in each epoch; the last is NaN where numbers grow beyond all bounds.
std::vector<double> train(const apps::Chapter& chapter, Sequential& net, const Dataset& images,
                          int64_t epochs, int64_t batch) {
  SGD optimizer({.lr = 0.01});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, {.device = chapter.device(), .progress = false});
  std::vector<double> shares;
  const auto keep = [&](const EpochRecord& epoch) { shares.push_back(epoch.train.accuracy); };
  try {
    trainer.fit(images, {.epochs = epochs, .batch_size = batch, .on_epoch = keep});
  } catch (const ValueError&) {
    shares.push_back(NAN);
  }
  return shares;
}

Sequential linear_layers(double deviation, bool batch_norm) {
  Sequential net{Flatten()};
  for (int layer = 0; layer < 5; ++layer) {
    net.add(Linear({.out_features = 100, .init = Init::normal(deviation)}));
    if (batch_norm) net.add(BatchNorm1d());
    net.add(ReLU());
  }
  net.add(Linear({.out_features = 10, .init = Init::normal(deviation)}));
  return net;
}

void deviations(const apps::Chapter& chapter, const Dataset& images) {
  Figure figure({.title = "Training from 16 deviations", .columns = 4, .panel_width = 250});
  int learned[] = {0, 0};
  for (int i = 0; i < 16; ++i) {
    const double deviation = std::pow(10, -4 * i / 15.0);
    Panel& panel =
        figure.panel({.title = fmt::format("deviation {:.2g}", deviation), .x = kEpoch, .y = kShare});
    for (const bool batch_norm : {true, false}) {
      manual_seed(chapter.seed());
      Sequential net = linear_layers(deviation, batch_norm);
      const std::vector<double> shares = train(chapter, net, images, chapter.choose(20, 4), 100);
      panel.line(arange(1, double(shares.size()) + 1), shares,
                 {.name = batch_norm ? "batch norm" : "without", .dashed = !batch_norm});
      if (std::isnan(shares.back())) panel.text(1.2, 0.02, "without: diverged");
      learned[batch_norm] += shares.back() > 0.3;
    }
  }
  chapter.save(figure, "deviations");
  chapter.result("learned_with_batch_norm", learned[true]);
  chapter.result("learned_without", learned[false]);
}

/// Two convolutions from weights that are too small.
Sequential convolutions(const std::string& norm) {
  Sequential net;
  for (const int64_t side : {28, 14}) {
    net.add(Conv2d({.out_channels = 16, .kernel = 3, .padding = 1, .init = Init::normal(0.01)}));
    if (norm == "batch") net.add(BatchNorm2d());
    if (norm == "layer") net.add(LayerNorm({.normalized_shape = {16, side, side}}));
    if (norm == "group") net.add(GroupNorm({.num_groups = 4}));
    if (norm == "instance") net.add(InstanceNorm2d({.affine = true}));
    net.add(ReLU()).add(MaxPool2d({.kernel = 2}));
  }
  net.add(Flatten()).add(Linear({.out_features = 10, .init = Init::normal(0.01)}));
  return net;
}

void kinds(const apps::Chapter& chapter, const Dataset& images) {
  Figure figure;
  Panel& panel = figure.panel({"Convolutions from a deviation of 0.01", kEpoch, kShare});
  for (const char* norm : {"none", "batch", "layer", "group", "instance"}) {
    manual_seed(chapter.seed());
    Sequential net = convolutions(norm);
    const std::vector<double> shares = train(chapter, net, images, chapter.choose(20, 4), 50);
    panel.line(arange(1, double(shares.size()) + 1), shares, {.name = norm});
    chapter.result(std::string("accuracy_") + norm, shares.back());
  }
  chapter.save(figure);
}
}  // namespace

int main(int argc, char** argv) {
  const auto body = [](apps::Chapter& chapter) {
    chapter.result("smallest_behind_batch_norm", min(BatchNorm1d()(rand({1000, 1}))).item<double>());
    const ImageDataset digits = chapter.digits(1000);
    const Subset images(digits.train, 0, 1000);
    deviations(chapter, images);
    kinds(chapter, images);
  };
  return apps::run_chapter({"07b_normalisation", "Batch, layer, group and instance norm."}, argc, argv, body);
}
