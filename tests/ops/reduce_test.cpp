// Sums, means, extremes and their positions over every choice of axes.
#include <cmath>
#include <cstdint>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/layout.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

struct ReduceRow {
  const char* name;
  Tensor (*op)(const Tensor&, const ReduceOptions&);
  double (*fold)(const std::vector<double>&);
  bool extreme = false;  // has kinks where elements are equal
  friend std::ostream& operator<<(std::ostream& out, const ReduceRow& row) { return out << row.name; }
};

const ReduceRow kReduce[] = {
    {"sum", sum, reference::fold_sum},
    {"mean", mean, reference::fold_mean},
    {"max", max, reference::fold_max, true},
    {"min", min, reference::fold_min, true},
};

OpCase reduce_case(const ReduceRow& row, const Shape& shape, const Shape& axes, bool keep_axes) {
  Shape positive = axes;
  for (int64_t& axis : positive) axis += axis < 0 ? shape.rank() : 0;
  const auto terms = static_cast<double>(shape.product());
  return {.name = row.name,
          .inputs = {{.shape = shape, .distinct = row.extreme}},
          .op =
              [=](const std::vector<Tensor>& in) {
                return row.op(in[0], {.axes = axes, .keep_axes = keep_axes});
              },
          .reference =
              [=](const std::vector<NdArray>& in) {
                return reference::reduce(in[0], positive, keep_axes, row.fold);
              },
          .value = {.terms = terms}};
}

class Reduce : public ::testing::TestWithParam<ReduceRow> {};

TEST_P(Reduce, AgreesOverEveryChoiceOfAxes) {
  const Shape axes[] = {{},        {0},       {1},       {2},    {3},        {-1},        {0, 1},
                        {0, 2},    {0, 3},    {1, 2},    {1, 3}, {2, 3},     {-1, -2},    {0, 1, 2},
                        {0, 1, 3}, {0, 2, 3}, {1, 2, 3}, {3, 0}, {2, -4, 1}, {0, 1, 2, 3}};
  for (const Shape& chosen : axes) {
    for (const bool keep : {false, true}) {
      SCOPED_TRACE("axes " + to_string(chosen));
      check_case(reduce_case(GetParam(), {2, 3, 5, 4}, chosen, keep));
    }
  }
}

TEST_P(Reduce, AgreesOnAwkwardShapes) {
  const std::pair<Shape, Shape> rows[] = {
      {{}, {}},      {{1}, {}},      {{251}, {0}},   {{1, 1, 1}, {1}},
      {{0, 3}, {1}}, {{3, 67}, {1}}, {{67, 3}, {0}}, {{2, 1, 2, 1, 2, 1, 2, 3}, {1, 2, 6}}};
  for (const auto& [shape, axes] : rows) check_case(reduce_case(GetParam(), shape, axes, false));
}

TEST_P(Reduce, RefusesAxesThatAreNotThereOrCameTwice) {
  for (const Device device : devices()) {
    const Tensor x = zeros({2, 3}, DType::f32, device);
    const auto& [row_name, op, fold, extreme] = GetParam();
    expect_throw<ShapeError>([&, f = op] { f(x, {.axes = {2}}); }, {row_name, "2"});
    expect_throw<ShapeError>([&, f = op] { f(x, {.axes = {-3}}); }, {row_name, "-3"});
    expect_throw<ShapeError>([&, f = op] { f(x, {.axes = {1, -1}}); }, {row_name, "1"});
  }
}

INSTANTIATE_TEST_SUITE_P(All, Reduce, ::testing::ValuesIn(kReduce),
                         [](const auto& test) { return test.param.name; });

TEST(Reduce, LongSumsLoseNoMoreThanTheirTermsAllow) {
  for (const Shape& shape : {Shape{40001}, Shape{1, 40001}, Shape{4001, 3}}) {
    for (const auto& [row, axes] : {std::pair{kReduce[0], Shape{0}}, std::pair{kReduce[1], Shape{}}}) {
      OpCase current = reduce_case(row, shape, axes, false);
      current.inputs[0].gradient = false;  // short sums have shown it
      check_case(current);
    }
  }
}

TEST(Sum, OfNothingIsZero) {
  for (const Device device : devices()) {
    expect_same(sum(zeros({0}, DType::f32, device)), {0});
    expect_same(sum(zeros({0, 3}, DType::f32, device), {.axes = {0}}), {0, 0, 0});
    expect_same(sum(zeros({2, 0}, DType::i32, device), {.axes = {1}, .keep_axes = true}), {0, 0});
  }
}

TEST(Sum, OfIntegersIsI64AndExact) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::u8, DType::i32, DType::i64, DType::boolean}) {
      SCOPED_TRACE(name(dtype));
      const Tensor y = sum(ones({3, 1000}, dtype, device), {.axes = {1}});
      EXPECT_EQ(name(y.dtype()), "i64");
      expect_same(y, {1000, 1000, 1000});
    }
    const Tensor large = full({5}, 2e9, DType::i32, device);  // the sum does not fit into 32 bits
    EXPECT_EQ(sum(large).item<int64_t>(), 10'000'000'000);
  }
}

TEST(Sum, OfHalvesGoesBeyondWhatHalvesCanCount) {
  for (const Device device : devices()) {
    EXPECT_EQ(sum(ones({4096}, DType::f16, device)).item<double>(), 4096);
    EXPECT_EQ(sum(ones({4096}, DType::bf16, device)).item<double>(), 4096);
    EXPECT_EQ(mean(full({8192}, 16, DType::f16, device)).item<double>(), 16);  // the sum is beyond 65504
  }
}

TEST(Mean, OfIntegersIsFloating) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::u8, DType::i32, DType::i64}) {
      const Tensor x = arange(0, 6, 1, dtype, device).reshape({2, 3});
      for (const Tensor& y : {mean(x), var(x), stddev(x)}) EXPECT_EQ(y.dtype(), DType::f32);
      expect_same(mean(x, {.axes = {0}, .keep_axes = true}), NdArray({1, 3}, {1.5, 2.5, 3.5}));
      expect_same(var(x, {.axes = {0}}), {2.25, 2.25, 2.25});
      expect_same(var(x, {.axes = {0}, .keep_axes = true, .correction = 1}),
                  NdArray({1, 3}, {4.5, 4.5, 4.5}));
      expect_same(stddev(x, {.axes = {0}}), {1.5, 1.5, 1.5});
    }
    // Their sums are exact, also where f32 could not hold them.
    expect_same(mean(concat({full({4}, 1 << 30, DType::i32, device), ones({4}, DType::i32, device)})),
                {double(1 << 29)});
    expect_same(mean(equal(arange(0, 4, 1, DType::f32, device), scalar(2, DType::f32, device))), {0.25});
  }
}

TEST(Mean, RefusesNothing) {
  for (const Device device : devices()) {
    expect_throw<ValueError>([&] { mean(zeros({0}, DType::f32, device)); }, {"mean", "[0]"});
    expect_throw<ValueError>(
        [&] {
          mean(zeros({3, 0}, DType::f32, device), {.axes = {1}});
        },
        {"mean", "[3, 0]"});
    expect_throw<ValueError>([&] { mean(zeros({0}, DType::i32, device)); }, {"mean", "[0]"});
  }
}

TEST(Max, RefusesNothing) {
  for (const Device device : devices()) {
    expect_throw<ValueError>([&] { max(zeros({0}, DType::f32, device)); }, {"max", "[0]"});
    expect_throw<ValueError>(
        [&] {
          min(zeros({3, 0}, DType::f32, device), {.axes = {1}});
        },
        {"min", "[3, 0]"});
    EXPECT_EQ(to_string(max(zeros({0, 3}, DType::f32, device), {.axes = {1}}).shape()), "[0]");
  }
}

TEST(Max, TakesIntegersNanAndInfinity) {
  for (const Device device : devices()) {
    const Tensor whole = to_tensor(NdArray({2, 3}, {3, 200, 7, 9, 8, 1}), DType::u8, device);
    EXPECT_EQ(name(max(whole).dtype()), "u8");
    expect_same(max(whole, {.axes = {1}}), {200, 9});
    expect_same(min(whole, {.axes = {0}}), {3, 8, 1});
    const Tensor x = tensor({{1, NAN, 3}, {-INFINITY, -INFINITY, -INFINITY}}).to(device);
    expect_same(max(x, {.axes = {1}}), {NAN, -INFINITY});
    expect_same(min(x, {.axes = {1}}), {NAN, -INFINITY});
  }
}

TEST(Max, EqualElementsShareTheGradientEvenly) {
  for (const Device device : devices()) {
    Tensor x = tensor({{5, 1, 5, 5}, {2, 2, 0, 1}}).to(device);
    x.set_requires_grad();
    max(x, {.axes = {1}}).backward(tensor({3, 8}).to(device));
    expect_same(x.grad(), {1, 0, 1, 1, 4, 4, 0, 0});
  }
}

TEST(Max, MoreEqualElementsThanHalvesCanCountShareTheGradient) {
  for (const Device device : devices()) {
    constexpr int64_t kCount = 1 << 17;
    Tensor x = ones({kCount}, DType::f16, device);
    x.set_requires_grad();
    max(x).backward();
    EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>(kCount, 1.0f / kCount));
  }
}

TEST(Argmax, GivesTheFirstLargestAndNanIsLargest) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const NdArray x({4, 4}, {1, 3, 3, 2, 0, 0, 0, 0, 1, NAN, 9, NAN, -INFINITY, -INFINITY, -1, -1});
      const Tensor t = to_tensor(x, dtype, device);
      EXPECT_EQ(name(argmax(t).dtype()), "i64");
      expect_same(argmax(t), {1, 0, 1, 2});
      expect_same(argmin(t), {0, 0, 1, 0});
      EXPECT_EQ(to_string(argmax(t, 0, true).shape()), "[1, 4]");
      expect_same(argmax(t, 0), {0, 2, 2, 2});
    }
    const Tensor whole = to_tensor(NdArray({5}, {2, 9, 1, 9, 0}), DType::i32, device);
    expect_same(argmax(whole), {1});
    expect_same(argmin(whole), {4});
  }
}

TEST(Argmax, ReadsViewsOfEveryLayout) {
  std::mt19937_64 rng(3);
  const NdArray x = random_array({5, 67, 3}, -1, 1, rng);
  for (const Device device : devices()) {
    for (int layout = 0; layout < kLayouts - 1; ++layout) {  // without repetition
      const GuardedTensor t(x, DType::f32, device, static_cast<Layout>(layout));
      for (const int axis : {0, 1, 2}) {
        const NdArray want = reference::reduce(x, {axis}, false, [](const std::vector<double>& v) {
          return static_cast<double>(std::max_element(v.begin(), v.end()) - v.begin());
        });
        expect_same(argmax(t.view(), axis), want);
      }
    }
  }
}

TEST(Argmax, FindsTheFirstOfEqualsFarApart) {
  for (const Device device : devices()) {
    for (const int64_t size : {1024, 1025, 3001}) {
      for (const int64_t place : {int64_t{0}, int64_t{40}, size - 2}) {
        NdArray x({2, size}, std::vector<double>(static_cast<size_t>(2 * size), 1.0));
        x.values[static_cast<size_t>(place)] = x.values[static_cast<size_t>(size - 1)] = 3;
        x.values[static_cast<size_t>(size + place)] = x.values[static_cast<size_t>(2 * size - 1)] = -3;
        const Tensor t = to_tensor(x, DType::f32, device);
        const auto first = static_cast<double>(place), zero = 0.0;
        expect_same(argmax(t), {first, place == 0 ? 1 : zero});
        expect_same(argmin(t), {place == 0 ? 1 : zero, first});
      }
    }
  }
}

TEST(Argmax, RefusesEmptyAxesAndScalars) {
  for (const Device device : devices()) {
    expect_throw<ValueError>([&] { argmax(zeros({3, 0}, DType::f32, device)); }, {"argmax", "[3, 0]"});
    expect_throw<ShapeError>([&] { argmax(zeros({3}, DType::f32, device), 1); }, {"argmax", "1"});
  }
}

}  // namespace
}  // namespace dlengine::test
