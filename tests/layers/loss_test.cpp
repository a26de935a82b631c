// What losses refuse; their values are in golden_test.cpp.
#include <gtest/gtest.h>

#include <functional>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/stream.h"
#include "dlengine/layers/loss.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TEST(Losses, AreFunctionsOfOutputAndTarget) {
  const std::function<Tensor(const Tensor&, const Tensor&)> losses[] = {CrossEntropyLoss(), MSELoss()};
  const Tensor output = tensor({{1, 2}, {3, 4}});
  for (const auto& loss : losses) EXPECT_EQ(loss(output, zeros({2, 2})).rank(), 0);
}

TEST(CrossEntropyLoss, GivesTheSameForClassesAndOneHot) {
  const Tensor logits = tensor({{1, 2, 3}, {0, 5, -1}});
  const Tensor classes = from_vector(std::vector<uint8_t>{2, 0}, {2});
  const CrossEntropyLoss loss;
  const auto expected = loss(logits, one_hot(classes, 3)).item<float>();
  EXPECT_FLOAT_EQ(loss(logits, classes).item<float>(), expected);
  EXPECT_FLOAT_EQ(loss(logits, classes.to(DType::i32)).item<float>(), expected);
  EXPECT_FLOAT_EQ(loss(logits, classes.to(DType::i64)).item<float>(), expected);
}

TEST(CrossEntropyLoss, RefusesLabelsOutOfRange) {
  for (const Device device : devices()) {
    const Tensor logits = zeros({2, 3}, DType::f32, device);
    const Tensor labels = from_vector(std::vector<int64_t>{0, 3}, {2}, device);
    expect_throw<ValueError>([&] { CrossEntropyLoss()(logits, labels).item<float>(); }, {"3"});
  }
}

TEST(CrossEntropyLoss, StaysFiniteForLogitsOfThousands) {
  const Tensor logits = tensor({{1000, -1000}}).set_requires_grad();
  const Tensor loss = CrossEntropyLoss()(logits, from_vector(std::vector<int64_t>{1}, {1}));
  loss.backward();
  EXPECT_FLOAT_EQ(loss.item<float>(), 2000);
  EXPECT_EQ(logits.grad().to_vector<float>(), (std::vector<float>{1, -1}));
}

TEST(MSELoss, RefusesToBroadcast) {
  expect_throw<ShapeError>(
      [] {
        MSELoss()(zeros({3, 1}), zeros({3}));
      },
      {"mse_loss: output is [3, 1], target is [3]; need one shape"});
  expect_throw<DTypeError>([] { MSELoss()(zeros({3}), zeros({3}, DType::i64)); }, {"f32", "i64"});
  expect_throw<ValueError>([] { MSELoss()(zeros({3}), Tensor()); }, {"undefined"});
  expect_throw<ValueError>([] { MSELoss()(zeros({0}), zeros({0})); }, {"mean"});
}

}  // namespace
}  // namespace dlengine::test
