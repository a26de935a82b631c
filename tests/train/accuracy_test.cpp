// What counts as a right output: as the loss takes its labels, or as the trainer is told.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "dlengine/core/ops.h"
#include "dlengine/train/captured_step.h"
#include "dlengine/train/make_loss.h"
#include "dlengine/train/search.h"
#include "dlengine/train/step_log.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

constexpr int64_t kSamples = 30;

/// A layer with one output or several, which does not learn, and what it says of fixed points.
struct Fixed {
  explicit Fixed(int64_t outputs)
      : net((manual_seed(5), Sequential(Linear({.in_features = 2, .out_features = outputs})))),
        x(randn({kSamples, 2}, 0, 2)),
        y(net(x).detach()) {}

  Metrics metrics(const LossFunction& loss, const Tensor& labels, TrainerOptions options = quiet()) {
    SGD optimizer({.lr = 0});
    Trainer trainer(net, loss, optimizer, options);
    const TensorDataset data(x, labels);
    const Metrics fitted = trainer.fit(data, {.batch_size = 4}).epochs[0].train;
    const Metrics evaluated = trainer.evaluate(data, 7);
    EXPECT_EQ(fitted.accuracy, evaluated.accuracy);
    EXPECT_EQ(fitted.classes, evaluated.classes);
    return evaluated;
  }

  Sequential net;
  Tensor x, y;
};

/// The share of outputs that are above `bound` where labels are above `label_bound`, and only there.
double share(const Tensor& outputs, double bound, const Tensor& labels, double label_bound) {
  const auto y = outputs.to_vector<double>(), t = labels.to_vector<double>();
  double hits = 0;
  for (size_t i = 0; i < y.size(); ++i) hits += (y[i] > bound) == (t[i] > label_bound);
  return hits / double(y.size());
}

Tensor yes_and_no(int64_t outputs) { return greater(randn({kSamples, outputs}), scalar(0.2)).to(DType::f32); }

TEST(Accuracy, OfRegressionIsNone) {
  Fixed fixed(4);
  const Tensor targets = randn({kSamples, 4});
  for (const LossFunction& loss : std::initializer_list<LossFunction>{
           MSELoss(), L1Loss(), HuberLoss(), SmoothL1Loss(), SumOfSquaresLoss(), make_loss("mse")}) {
    const Metrics metrics = fixed.metrics(loss, targets);
    EXPECT_FALSE(metrics.classes);
    EXPECT_EQ(metrics.accuracy, 0);
  }
  const auto mine = [](const Tensor& output, const Tensor& target) { return mse_loss(output, target); };
  EXPECT_FALSE(fixed.metrics(mine, targets).classes);
}

TEST(Accuracy, OfRegressionDoesNotRankTrials) {
  Fixed fixed(4);
  SGD optimizer({.lr = 0.01});
  Trainer trainer(fixed.net, MSELoss(), optimizer, quiet());
  const History history = trainer.fit(TensorDataset(fixed.x, randn({kSamples, 4})), {.epochs = 2});
  EXPECT_EQ(TrialScore(history).score, -history.epochs.back().train.loss);
}

TEST(Accuracy, OfYesAndNoIsThatOfEachOutput) {
  for (const Device device : devices()) {
    for (const int64_t outputs : {1, 3}) {
      for (const Replay replay : {Replay::automatic, Replay::never}) {
        SCOPED_TRACE(to_string(device) + " " + std::to_string(outputs) + " outputs");
        Fixed fixed(outputs);
        const Tensor yes = yes_and_no(outputs), signs = 2 * yes - 1;
        TrainerOptions options = quiet();
        options.device = device;
        options.replay = replay;
        const auto of = [&](const LossFunction& loss, const Tensor& labels) {
          const Metrics metrics = fixed.metrics(loss, labels, options);
          EXPECT_TRUE(metrics.classes);
          return metrics.accuracy;
        };
        const double at_0 = share(fixed.y, 0, yes, 0.5);
        EXPECT_DOUBLE_EQ(of(BCEWithLogitsLoss(), yes), at_0);
        EXPECT_DOUBLE_EQ(of(BCEWithLogitsLoss(), yes.to(DType::u8)), at_0);
        EXPECT_DOUBLE_EQ(of(make_loss("binary_crossentropy", {.from_logits = true}), yes), at_0);
        EXPECT_DOUBLE_EQ(of(HingeLoss(), signs), at_0);
        EXPECT_DOUBLE_EQ(of(make_loss("hinge"), yes), at_0);
        fixed.net.add(Sigmoid());
        const double at_half = share(fixed.net(fixed.x.to(device)).detach().to(kCpu), 0.5, yes, 0.5);
        EXPECT_DOUBLE_EQ(of(BCELoss(), yes), at_half);
        EXPECT_DOUBLE_EQ(of(make_loss("binary_crossentropy"), yes), at_half);
      }
    }
  }
}

TEST(Accuracy, OfClassNumbersNeedsNoLossThatKnows) {
  Fixed fixed(3);
  const Tensor labels = argmax(randn({kSamples, 3}), 1);
  const double want = mean(equal(argmax(fixed.y, 1), labels).to(DType::f64)).item<double>();
  const auto mine = [](const Tensor& output, const Tensor& target) { return cross_entropy(output, target); };
  EXPECT_DOUBLE_EQ(fixed.metrics(mine, labels).accuracy, want);
  EXPECT_DOUBLE_EQ(fixed.metrics(MultiMarginLoss(), labels).accuracy, want);
}

TEST(Accuracy, OfPlacesIsThatOfEachPlace) {
  for (const Device device : devices()) {
    for (const Replay replay : {Replay::automatic, Replay::never}) {
      Fixed fixed(6);
      fixed.net.add(Unflatten(1, {3, 2}));
      const Tensor scores = fixed.y.reshape({kSamples, 3, 2}), labels = argmax(randn({kSamples, 3, 2}), 1);
      TrainerOptions options = quiet();
      options.device = device;
      options.replay = replay;
      const Metrics metrics = fixed.metrics(CrossEntropyLoss(), labels, options);
      EXPECT_TRUE(metrics.classes);
      EXPECT_DOUBLE_EQ(metrics.accuracy,
                       mean(equal(argmax(scores, 1), labels).to(DType::f64)).item<double>());
      EXPECT_NEAR(metrics.loss, CrossEntropyLoss()(scores, labels).item<double>(), 1e-5);
    }
  }
}

/// Classes of [N] or of places, of which a share is the one that is ignored; and the share of the rest that
/// is right.
double share_of_kept(const Tensor& scores, const Tensor& labels, int64_t ignored) {
  const auto said = argmax(scores, 1).to_vector<int64_t>(), were = labels.to_vector<int64_t>();
  double hits = 0, kept = 0;
  for (size_t i = 0; i < said.size(); ++i) {
    kept += were[i] != ignored;
    hits += were[i] != ignored && said[i] == were[i];
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, double(said.size()));
  return hits / kept;
}

TEST(Accuracy, LeavesIgnoredClassesOut) {
  for (const Device device : devices()) {
    for (const Replay replay : {Replay::automatic, Replay::never}) {
      for (const int64_t ignored : {-100, -1, 1}) {
        for (const bool places : {false, true}) {
          SCOPED_TRACE(to_string(device) + " " + std::to_string(ignored) + (places ? " places" : ""));
          Fixed fixed(6);
          if (places) fixed.net.add(Unflatten(1, {3, 2}));
          const Tensor scores = places ? fixed.y.reshape({kSamples, 3, 2}) : fixed.y;
          Shape shape = scores.shape();
          shape.erase(1);
          const Tensor classes = argmax(randn(scores.shape()), 1);
          auto numbers = classes.to_vector<int64_t>();
          for (size_t i = 0; i < numbers.size(); ++i) {
            if (numbers[i] == ignored) numbers[i] = 2;
            if (i % 5 == 2) numbers[i] = ignored;  // some of each batch are kept
          }
          const Tensor labels = from_vector(numbers, shape);
          TrainerOptions options = quiet();
          options.device = device;
          options.replay = replay;
          const CrossEntropyLoss loss({.ignore_index = ignored});
          EXPECT_DOUBLE_EQ(fixed.metrics(loss, labels, options).accuracy,
                           share_of_kept(scores, labels, ignored));
        }
      }
    }
  }
}

TEST(Accuracy, OfIgnoredClassesAloneIsZero) {
  const Totals totals{.hits = 0, .samples = 4, .classes = true, .answers = 0};
  EXPECT_EQ(totals.metrics(1).accuracy, 0);
  EXPECT_TRUE(totals.metrics(1).classes);
}

/// Sequences in batches that are padded to a length of their own: class 2 is padding, which may be ignored.
TEST(Accuracy, OfPaddedSequencesCountsTheAnswersOfEachBatch) {
  for (const Device device : devices()) {
    for (const Labels kind : {Labels::classes, Labels::logits}) {
      for (const bool ignored : {false, true}) {
        if (ignored && kind != Labels::classes) continue;
        const LossFunction loss =
            kind == Labels::logits
                ? LossFunction(BCEWithLogitsLoss())
                : CrossEntropyLoss({.ignore_index = ignored ? std::optional(2) : std::nullopt});
        StepLog log(device);
        CapturedStep step(device, [&](const std::vector<Tensor>& in) {
          return std::vector{log.loss_of(loss, in[0], in[1])};
        });
        double hits = 0, answers = 0;
        log.start();
        for (const int64_t length : {10, 2, 10, 2, 10, 2, 10, 2}) {
          const Tensor scores = randn({4, 3, length});
          const Tensor classes = argmax(randn({4, 3, length}), 1);
          const Tensor labels =
              kind == Labels::logits ? greater(randn({4, 3, length}), scalar(0)).to(DType::f32) : classes;
          const auto said =
              (kind == Labels::logits ? greater(scores, scalar(0)).to(DType::i64) : argmax(scores, 1))
                  .to_vector<int64_t>();
          const auto were = labels.to(DType::i64).to_vector<int64_t>();
          for (size_t i = 0; i < said.size(); ++i) {
            if (ignored && were[i] == 2) continue;
            hits += said[i] == were[i];
            ++answers;
          }
          step({scores.to(device), labels.to(device)});
        }
        EXPECT_EQ(log.read(), 0);
        EXPECT_DOUBLE_EQ(log.totals().metrics(1).accuracy, hits / answers);
      }
    }
  }
}

TEST(Accuracy, IsCountedAsTheTrainerIsTold) {
  Fixed fixed(3);
  const Tensor rows = one_hot(argmax(randn({kSamples, 3}), 1), 3);
  const double want = mean(equal(argmax(fixed.y, 1), argmax(rows, 1)).to(DType::f64)).item<double>();
  TrainerOptions options = quiet();
  options.accuracy = Accuracy::classes;
  EXPECT_DOUBLE_EQ(fixed.metrics(MSELoss(), rows, options).accuracy, want);
  EXPECT_DOUBLE_EQ(fixed.metrics(CrossEntropyLoss(), rows).accuracy, want);
  options.accuracy = Accuracy::binary;
  EXPECT_DOUBLE_EQ(fixed.metrics(MSELoss(), rows, options).accuracy, share(fixed.y, 0.5, rows, 0.5));
  EXPECT_DOUBLE_EQ(fixed.metrics(BCEWithLogitsLoss(), rows, options).accuracy, share(fixed.y, 0, rows, 0.5));
  options.accuracy = Accuracy::none;
  const Metrics none = fixed.metrics(CrossEntropyLoss(), rows, options);
  EXPECT_FALSE(none.classes);
  EXPECT_EQ(none.accuracy, 0);
  EXPECT_EQ(none.loss, fixed.metrics(CrossEntropyLoss(), rows).loss);
}

TEST(Accuracy, RefusesShapesThatHaveNone) {
  Fixed fixed(3);
  TrainerOptions options = quiet();
  options.accuracy = Accuracy::classes;
  const auto loss = [](const Tensor& output, const Tensor&) { return mean(output); };
  expect_throw<ShapeError>([&] { fixed.metrics(loss, zeros({kSamples}), options); },
                           {"accuracy of classes: need outputs [N, C, ...]", "got [4, 3] and [4] of f32"});
  options.accuracy = Accuracy::binary;
  expect_throw<ShapeError>(
      [&] {
        fixed.metrics(loss, zeros({kSamples, 1}), options);
      },
      {"binary accuracy: need labels shaped like the outputs [4, 3], got [4, 1]"});
}

}  // namespace
}  // namespace dlengine::test
