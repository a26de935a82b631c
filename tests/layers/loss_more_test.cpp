// What losses do at their extremes, and what they refuse; their values are in loss_golden_test.cpp.
#include <gtest/gtest.h>

#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/captured_step.h"
#include "tests/layers/loss_cases.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

Tensor classes(const std::vector<int64_t>& labels) {
  return from_vector(labels, {static_cast<int64_t>(labels.size())});
}

TEST(Losses, CanBeReplayed) {
  for (const Device device : devices()) {
    for (const LossCase& row : loss_cases()) {
      SCOPED_TRACE(row.name);
      const auto at = [&](const std::string& name) { return loss_golden().at(name).to(device).clone(); };
      const Loss loss = row.make(Reduction::sum, row.weight.empty() ? Tensor() : at(row.weight));
      const Tensor target = at(row.name + ".target");
      CapturedStep step(device,
                        [&](const std::vector<Tensor>& in) { return std::vector{loss(in[0], target)}; });
      for (int i = 0; i < 4; ++i) {
        const Tensor x = at(row.name + ".x") * (1.0 / (i + 1));
        EXPECT_EQ(step({x})[0].item<double>(), loss(x, target).item<double>());
      }
      EXPECT_EQ(step.reason(), "");
    }
  }
}

TEST(CrossEntropyLoss, StaysFiniteWithWeightsAndSmoothing) {
  const Tensor logits = tensor({{1000, -1000}}).set_requires_grad();
  const CrossEntropyLoss loss({.weight = tensor({1, 3}), .label_smoothing = 0.5});
  const Tensor value = loss(logits, classes({1}));
  value.backward();
  EXPECT_FLOAT_EQ(value.item<float>(), 0.75F * 2000);
  EXPECT_TRUE(std::isfinite(logits.grad().to_vector<float>()[0]));
}

TEST(CrossEntropyLoss, CountsOnlyWithoutWeightsAndSmoothing) {
  EXPECT_TRUE(CrossEntropyLoss().counts());
  EXPECT_FALSE(CrossEntropyLoss(Reduction::none).counts());
  EXPECT_FALSE(CrossEntropyLoss({.label_smoothing = 0.1}).counts());
  EXPECT_FALSE(CrossEntropyLoss({.weight = ones({3})}).counts());
}

TEST(CrossEntropyLoss, BatchmeanIsItsMean) {
  const Tensor logits = tensor({{1, 2}, {0, -1}}), labels = classes({0, 1});
  EXPECT_EQ(CrossEntropyLoss(Reduction::batchmean)(logits, labels).item<float>(),
            CrossEntropyLoss()(logits, labels).item<float>());
}

TEST(CategoricalCrossEntropyLoss, TakesClassesAndGuardsZero) {
  const Tensor p = tensor({{0, 1}, {0.25F, 0.75F}});
  for (const LogGuard guard : {LogGuard::clip, LogGuard::add}) {
    const CategoricalCrossEntropyLoss loss({.guard = guard, .reduction = Reduction::none});
    const std::vector<float> values = loss(p, classes({0, 0})).to_vector<float>();
    EXPECT_NEAR(values[0], -std::log(1e-7), 1e-5);
    EXPECT_NEAR(values[1], -std::log(0.25), 1e-5);
    EXPECT_EQ(loss(p, one_hot(classes({0, 0}), 2)).to_vector<float>(), values);
  }
  EXPECT_EQ(CategoricalCrossEntropyLoss()(p.to(DType::f16), classes({0, 0})).dtype(), DType::f32);
}

TEST(SumOfSquaresLoss, IsHalfOfTheSum) {
  const Tensor output = tensor({3, 1}).set_requires_grad();
  const Tensor loss = SumOfSquaresLoss()(output, tensor({1, 1}));
  loss.backward();
  EXPECT_EQ(loss.item<float>(), 2);
  EXPECT_EQ(output.grad().to_vector<float>(), (std::vector<float>{2, 0}));
}

TEST(BCEWithLogitsLoss, KeepsTheDigitsOfSmallLosses) {
  const Tensor logits = tensor({{40, -40}});
  const auto values =
      BCEWithLogitsLoss({.reduction = Reduction::none})(logits, tensor({{1, 0}})).to_vector<float>();
  EXPECT_NEAR(values[0] / std::exp(-40.0), 1, 1e-5);
  EXPECT_NEAR(values[1] / std::exp(-40.0), 1, 1e-5);
}

TEST(BinaryLosses, TakeIntegerTargets) {
  const Tensor logits = tensor({1, -2}), target = from_vector(std::vector<uint8_t>{1, 0}, {2});
  EXPECT_EQ(BCEWithLogitsLoss()(logits, target).item<float>(),
            BCEWithLogitsLoss()(logits, tensor({1, 0})).item<float>());
  EXPECT_GT(BCELoss()(sigmoid(logits), target).item<float>(), 0);
}

TEST(BCELoss, NoticesATargetThatWasChanged) {
  const Tensor p = tensor({0.25F, 0.75F}).set_requires_grad();
  Tensor target = tensor({0, 1});
  const Tensor loss = BCELoss()(p, target);
  target.fill_(1);
  expect_throw<AutogradError>([&] { loss.backward(); }, {"backward of bce_loss", "written"});
}

TEST(Losses, RefuseOptionsOutOfRange) {
  expect_throw<ValueError>([] { CrossEntropyLoss({.label_smoothing = 1.5}); },
                           {"0 <= label_smoothing <= 1, got 1.5"});
  expect_throw<ValueError>([] { CategoricalCrossEntropyLoss({.eps = 0}); }, {"0 < eps < 0.5, got 0"});
  expect_throw<ValueError>([] { HuberLoss({.delta = 0}); }, {"HuberLoss: need delta > 0, got 0"});
  expect_throw<ValueError>([] { SmoothL1Loss({.beta = -1}); }, {"SmoothL1Loss: need beta >= 0, got -1"});
}

TEST(Losses, RefuseToBroadcast) {
  const Loss losses[] = {L1Loss(),       HuberLoss(),
                         SmoothL1Loss(), SumOfSquaresLoss(),
                         BCELoss(),      BCEWithLogitsLoss(),
                         HingeLoss(),    HingeEmbeddingLoss(),
                         KLDivLoss(),    CategoricalCrossEntropyLoss()};
  for (const Loss& loss : losses) {
    expect_throw<ShapeError>(
        [&] {
          loss(zeros({3, 1}), zeros({1, 3}));
        },
        {"output is [3, 1], target is [1, 3]; need one shape"});
    expect_throw<ValueError>([&] { loss(zeros({3, 1}), Tensor()); }, {"undefined"});
    expect_throw<DTypeError>([&] { loss(zeros({3, 1}, DType::i64), zeros({3, 1}, DType::i64)); }, {"i64"});
  }
  expect_throw<DTypeError>([] { L1Loss()(zeros({3}), zeros({3}, DType::i64)); }, {"L1Loss", "f32", "i64"});
}

TEST(CrossEntropyLoss, OfPlacesHasTheLossesOfTheirRows) {
  for (const Device device : devices()) {
    const Tensor logits = randn({2, 4, 3}, 0, 1, DType::f32, device);
    const Tensor labels = from_vector<int64_t>({0, 3, 1, 2, 2, 0}, {2, 3}, device);
    const Tensor rows = logits.transpose(1, 2).reshape({6, 4});
    const auto by_rows = cross_entropy(rows, labels.reshape({6}), Reduction::none).to_vector<float>();
    const Tensor losses = CrossEntropyLoss(Reduction::none)(logits, labels);
    EXPECT_EQ(losses.shape(), (Shape{2, 3}));
    EXPECT_EQ(losses.to_vector<float>(), by_rows);
    EXPECT_FLOAT_EQ(CrossEntropyLoss(Reduction::batchmean)(logits, labels).item<float>(),
                    sum(losses).item<float>() / 2);
    expect_throw<ShapeError>([&] { CrossEntropyLoss()(logits, labels.reshape({6})); },
                             {"CrossEntropyLoss", "[2, 4, 3]", "[6]"});
    expect_throw<ShapeError>(
        [&] {
          CrossEntropyLoss()(logits, zeros({2, 3}, DType::f32, device));
        },
        {"CrossEntropyLoss", "[2, 4, 3]", "[2, 3]"});
  }
}

TEST(CrossEntropyLoss, IgnoresOnlyTheClassItIsTold) {
  for (const Device device : devices()) {
    Tensor logits = randn({3, 4}, 0, 1, DType::f32, device);
    logits.set_requires_grad();
    const CrossEntropyLoss loss({.ignore_index = -100});
    const auto labels = [&](std::vector<int64_t> of) { return from_vector(of, {3}, device); };
    loss(logits, labels({1, -100, 2})).backward();
    const std::vector<float> gradient = logits.grad().to_vector<float>();
    EXPECT_EQ(std::vector<float>(gradient.begin() + 4, gradient.begin() + 8), std::vector<float>(4));
    EXPECT_NE(gradient[0], 0);
    EXPECT_TRUE(std::isnan(loss(logits, labels({-100, -100, -100})).item<float>()));  // as PyTorch's
    expect_throw<ValueError>(
        [&] {
          loss(logits, labels({1, -1, 2})).item<float>();
        },
        {"cross_entropy", "label -1 of row 1"});
    expect_throw<DTypeError>([&] { loss(logits, logits.detach()); }, {"CrossEntropyLoss", "ignore_index"});
  }
}

TEST(Losses, NameALabelThatIsNoClass) {
  const std::pair<const char*, Loss> losses[] = {
      {"NLLLoss", NLLLoss()},
      {"MultiMarginLoss", MultiMarginLoss()},
      {"CategoricalCrossEntropyLoss", CategoricalCrossEntropyLoss()},
      {"CrossEntropyLoss", CrossEntropyLoss({.label_smoothing = 0.1})},
      {"cross_entropy", CrossEntropyLoss()},
  };
  for (const Device device : devices()) {
    for (const auto& [name, loss] : losses) {
      for (const int64_t label : {3, -1}) {
        const Tensor labels = classes({0, label}).to(device), output = ones({2, 3}, DType::f32, device);
        const std::string words = std::string(name) + ": label " + std::to_string(label) +
                                  " of row 1 is outside of the classes 0 .. 2";
        expect_throw<ValueError>([&, f = loss] { f(output, labels).item<float>(); }, {words});
      }
    }
  }
}

TEST(Losses, RefuseClassesThatDoNotFit) {
  const Loss losses[] = {NLLLoss(), MultiMarginLoss()};
  for (const Device device : devices()) {
    for (const Loss& loss : losses) {
      const Tensor scores = zeros({2, 3}, DType::f32, device);
      expect_throw<ShapeError>([&] { loss(scores, classes({1}).to(device)); },
                               {"labels [N], got [2, 3] and [1]"});
      expect_throw<DTypeError>([&] { loss(scores, zeros({2}, DType::f32, device)); },
                               {"u8, i32 or i64", "f32"});
      expect_throw<ValueError>([&] { loss(scores, classes({0, 3}).to(device)).item<float>(); }, {"3"});
    }
  }
  expect_throw<ValueError>(
      [] {
        CategoricalCrossEntropyLoss()(zeros({1, 3}), classes({4})).item<float>();
      },
      {"4"});
}

TEST(Losses, RefuseWeightsThatDoNotFit) {
  const Tensor scores = zeros({2, 3}), labels = classes({0, 1});
  expect_throw<ShapeError>([&] { CrossEntropyLoss({.weight = ones({2})})(scores, labels); },
                           {"CrossEntropyLoss: need a weight for each class, [3], got [2]"});
  expect_throw<ShapeError>([&] { NLLLoss({.weight = ones({2})})(scores, labels); },
                           {"NLLLoss: need a weight"});
  expect_throw<ShapeError>(
      [&] {
        BCEWithLogitsLoss({.pos_weight = ones({4, 2, 3})})(scores, scores);
      },
      {"BCEWithLogitsLoss: pos_weight [4, 2, 3] does not fit logits [2, 3]"});
  expect_throw<ShapeError>([] { MSELoss(Reduction::batchmean)(zeros({}), zeros({})); },
                           {"batchmean: need samples"});
}

}  // namespace
}  // namespace dlengine::test
