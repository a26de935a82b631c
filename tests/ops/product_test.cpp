// Products and running products: values, gradients beside zeros, types, empty sizes, messages.
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

double fold_product(const std::vector<double>& x) {
  double product = 1;
  for (const double value : x) product *= value;
  return product;
}

void check_prod(const Shape& shape, const Shape& axes, bool keep_axes) {
  Shape positive = axes;
  for (int64_t& axis : positive) axis += axis < 0 ? shape.rank() : 0;
  check_case(
      {.name = "prod " + to_string(shape) + " " + to_string(axes),
       .inputs = {{.shape = shape, .low = -1.2, .high = 1.2}},
       .op =
           [&](const std::vector<Tensor>& in) { return prod(in[0], {.axes = axes, .keep_axes = keep_axes}); },
       .reference =
           [&](const std::vector<NdArray>& in) {
             return reference::reduce(in[0], positive, keep_axes, fold_product);
           },
       .value = {.terms = static_cast<double>(shape.product())},
       .gradient = {.terms = static_cast<double>(shape.product()), .roundings = 2}});
}

TEST(Prod, MatchesDoubleOverEveryChoiceOfAxes) {
  for (const Shape& axes :
       {Shape{}, Shape{0}, Shape{1}, Shape{2}, Shape{-1}, Shape{0, 2}, Shape{2, 1}, Shape{0, 1, 2}}) {
    for (const bool keep_axes : {false, true}) check_prod({2, 3, 5}, axes, keep_axes);
  }
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{2}, Shape{7}, Shape{8}, Shape{1, 1}}) {
    check_prod(shape, {}, false);
  }
  check_prod({3, 1, 2}, {1}, true);
  check_prod({2, 3, 2, 3}, {1, 3}, false);
}

TEST(Prod, HasTheRightGradientBesideZeros) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x = to_tensor(NdArray({4, 3}, {2, 3, 5, 2, 0, 5, 0, 3, 0, 0, 0, 0}), dtype, device);
      Tensor leaf = x.clone().set_requires_grad();
      const Tensor y = prod(leaf, {.axes = {1}});
      EXPECT_EQ(name(y.dtype()), name(dtype));
      expect_same(y, {30, 0, 0, 0});
      y.backward(ones({4}, dtype, device));
      expect_same(leaf.grad(), NdArray({4, 3}, {15, 10, 6, 0, 10, 0, 0, 0, 0, 0, 0, 0}));
    }
  }
}

TEST(Prod, OfIntegersIsI64AndOfNothingOne) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::u8, DType::i32, DType::i64}) {
      const Tensor y = prod(full({2, 9}, 7, dtype, device), {.axes = {1}});
      EXPECT_EQ(name(y.dtype()), "i64");
      expect_same(y, {40353607, 40353607});
    }
    expect_same(prod(from_vector<uint8_t>({1, 1, 0, 1}, {2, 2}, device).to(DType::boolean), {.axes = {1}}),
                {1, 0});
    Tensor x = zeros({0, 2}, DType::f32, device).set_requires_grad();
    const Tensor y = prod(x, {.axes = {0}});
    expect_same(y, {1, 1});
    sum(y).backward();
    EXPECT_EQ(x.grad().shape(), (Shape{0, 2}));
    expect_same(prod(x), {1});
    EXPECT_EQ(prod(x, {.axes = {1}}).shape(), (Shape{0}));
  }
}

TEST(Prod, OfHalvesGoesBeyondHalvesOnTheWay) {
  for (const Device device : devices()) {
    const Tensor x = to_tensor(NdArray({4}, {300, 300, 1.0 / 512, 1.0 / 512}), DType::f16, device);
    EXPECT_NEAR(prod(x).item<double>(), 90000.0 / 262144, 1e-3);
    EXPECT_TRUE(std::isnan(prod(to_tensor(NdArray({3}, {1, NAN, 0}), DType::f32, device)).item<double>()));
  }
}

TEST(Prod, IsNeverTheMemoryOfItsOperand) {
  for (const Device device : devices()) {
    const Tensor x = ones({1, 1}, DType::f32, device);
    for (const Tensor& y : {prod(x), cumprod(x)}) EXPECT_NE(y.storage(), x.storage());
  }
}

TEST(Cumprod, MatchesDoubleAlongEveryAxis) {
  for (const Shape& shape : {Shape{3, 5, 2}, Shape{1, 9, 1}, Shape{4, 1, 3}, Shape{2, 0, 3}}) {
    for (const int axis : {0, 1, -1}) {
      const int from_start = axis < 0 ? axis + 3 : axis;
      check_case({.name = "cumprod",
                  .inputs = {{.shape = shape, .low = -1.2, .high = 1.2}},
                  .op = [=](const std::vector<Tensor>& in) { return cumprod(in[0], axis); },
                  .reference =
                      [=](const std::vector<NdArray>& in) {
                        NdArray y = in[0];
                        for_each_index(y.shape, [&](const Dims& at) {
                          if (at[from_start] == 0) return;
                          Dims before = at;
                          --before[from_start];
                          y.at(at) *= y.at(before);
                        });
                        return y;
                      },
                  .value = {.terms = 9},
                  .gradient = {.terms = 40, .roundings = 2}});
    }
  }
}

TEST(Cumprod, KnowsZerosAndIntegers) {
  for (const Device device : devices()) {
    Tensor x = tensor({2, 0, 3, 4}).to(device).set_requires_grad();
    const Tensor y = cumprod(x);
    expect_same(y, {2, 0, 0, 0});
    y.backward(ones({4}, DType::f32, device));
    expect_same(x.grad(), {1, 2 + 6 + 24, 0, 0});
    const Tensor whole = cumprod(from_vector<int32_t>({3, 5, 7}, {3}, device));
    EXPECT_EQ(name(whole.dtype()), "i64");
    expect_same(whole, {3, 15, 105});
  }
}

TEST(Prod, HasPartsThatTheTypeCannotHold) {
  for (const Device device : devices()) {
    const Tensor x = tensor({1e-30F, 1e20F, 1e20F, 1e-5F, 1e20F}).to(device);
    EXPECT_FLOAT_EQ(prod(x).item<float>(), 1e25F);
    expect_close(cumprod(x), NdArray{{5}, {1e-30, 1e-10, 1e10, 1e5, 1e25}}, {.relative = 1e-6});
    const Tensor zero = tensor({0, 1e20F, 1e20F, 1e20F}).to(device);
    expect_same(cumprod(zero), {0, 0, 0, 0});
    expect_same(prod(zero), {0});
  }
}

TEST(Prod, NamesWhatDoesNotFit) {
  const Tensor x = ones({2, 3});
  expect_throw<ShapeError>([&] { prod(x, {.axes = {2}}); }, {"prod", "axis 2"});
  expect_throw<ShapeError>([&] { prod(x, {.axes = {1, -1}}); }, {"prod: axis 1 is named twice"});
  expect_throw<ShapeError>([&] { cumprod(x, -3); }, {"cumprod", "axis -3"});
  expect_throw<ShapeError>([] { cumprod(ones({})); }, {"cumprod", "axis -1"});
  expect_throw<ValueError>([] { prod(Tensor()); }, {"prod", "undefined"});
  expect_throw<ValueError>([] { cumprod(Tensor()); }, {"cumprod", "undefined"});
}

}  // namespace
}  // namespace dlengine::test
