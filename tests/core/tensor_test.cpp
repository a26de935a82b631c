// Making tensors, reading them, and showing them as text.
#include "dlengine/core/tensor.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "dlengine/core/factory.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TEST(Factory, FillsTensorsOfEveryType) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      EXPECT_EQ(name(zeros({2}, dtype, device).dtype()), name(dtype));
      expect_same(zeros({2, 2}, dtype, device), {0, 0, 0, 0});
      expect_same(ones({3}, dtype, device), {1, 1, 1});
      expect_same(scalar(1, dtype, device), {1});
      expect_same(zeros_like(ones({2}, dtype, device)), {0, 0});
      EXPECT_EQ(empty_like(ones({2, 3}, dtype, device)).shape(), (Shape{2, 3}));
    }
    EXPECT_EQ(zeros({2}, DType::f32, device).device(), device);
    expect_same(full({2}, -1.5, DType::bf16, device), {-1.5, -1.5});
  }
}

TEST(Factory, CountsWithArange) {
  for (const Device device : devices()) {
    expect_same(arange(0, 4, 1, DType::f32, device), {0, 1, 2, 3});
    expect_same(arange(1, 2, 0.25, DType::f64, device), {1, 1.25, 1.5, 1.75});
    expect_same(arange(3, 0, -1, DType::i64, device), {3, 2, 1});
    EXPECT_EQ(arange(3, 0, 1, DType::i64, device).numel(), 0);
    EXPECT_EQ(arange(0, 1, 0.1).numel(), 10);
  }
  expect_throw<ValueError>([] { arange(0, 4, 0); }, {"arange", "0"});
  expect_throw<ValueError>([] { arange(0, INFINITY); }, {"arange", "inf"});
  expect_throw<OutOfMemoryError>([] { arange(0, 1e18); }, {"arange", "out of memory", "8e+18 bytes"});
  expect_throw<OutOfMemoryError>([] { arange(0, 1e300); }, {"arange", "out of memory"});
  expect_throw<OutOfMemoryError>([] { linspace(0, 1, int64_t{1} << 60); }, {"linspace", "out of memory"});
}

TEST(Factory, TakesNumbersInRowMajorOrder) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(x.shape(), (Shape{2, 3}));
  EXPECT_EQ(x.select(0, 1).to_vector<float>(), (std::vector<float>{4, 5, 6}));
  EXPECT_EQ(from_vector<double>({1, 2}, {2, 1}).shape(), (Shape{2, 1}));
  expect_throw<ShapeError>([] { from_vector<float>({1, 2, 3}, {2, 2}); }, {"3", "[2, 2]"});
  expect_throw<ShapeError>([] { tensor({{1, 2}, {3}}); }, {"tensor", "2", "1"});
}

TEST(Tensor, KnowsItsPlace) {
  const Tensor x = zeros({2, 3, 4});
  EXPECT_EQ(x.rank(), 3);
  EXPECT_EQ(x.numel(), 24);
  EXPECT_EQ(x.dim(-1), 4);
  EXPECT_EQ(x.device(), kCpu);
  EXPECT_TRUE(x.is_contiguous());
  EXPECT_FALSE(x.transpose(0, 1).is_contiguous());
  const Tensor part = x.slice(1, 1);
  EXPECT_EQ(part.offset(), 4);
  EXPECT_EQ(part.data<float>(), x.data<float>() + 4);
  expect_throw<ShapeError>([&] { x.dim(3); }, {"3"});
  EXPECT_FALSE(Tensor().defined());
}

TEST(Tensor, ReadsElementsByTheRuleOfConversion) {
  for (const Device device : devices()) {
    const Tensor x = tensor({-1, -1.9F, 0.5F, 255, 256, -1e30F, 1e30F, NAN, INFINITY, -INFINITY}).to(device);
    constexpr auto kLeast = std::numeric_limits<int64_t>::min(), kMost = std::numeric_limits<int64_t>::max();
    EXPECT_EQ(x.to_vector<int64_t>(),
              (std::vector<int64_t>{-1, -1, 0, 255, 256, kLeast, kMost, 0, kMost, kLeast}));
    EXPECT_EQ(x.to_vector<uint8_t>(), (std::vector<uint8_t>{0, 0, 0, 255, 255, 0, 255, 0, 255, 0}));
    EXPECT_EQ(x.to_vector<int32_t>(), x.to(DType::i32).to_vector<int32_t>());
    EXPECT_EQ(x.to_vector<bool>(), x.to(DType::boolean).to_vector<bool>());
    EXPECT_EQ(scalar(-1, DType::f64, device).item<uint8_t>(), 0);
    EXPECT_EQ(scalar(1e30, DType::f64, device).item<int64_t>(), kMost);
    EXPECT_EQ(scalar(-65504, DType::f16, device).item<uint8_t>(), 0);
    EXPECT_EQ(scalar(257, DType::i64, device).item<uint8_t>(), 1);  // integers wrap around, as in to()
  }
}

// A handle that nobody holds cannot be assigned to: x.index({0}) = y would write nothing.
static_assert(!std::is_assignable_v<Tensor, Tensor>);
static_assert(!std::is_assignable_v<Tensor, const Tensor&>);
static_assert(std::is_assignable_v<Tensor&, Tensor>);
static_assert(std::is_assignable_v<Tensor&, const Tensor&>);
static_assert(std::is_nothrow_move_constructible_v<Tensor> && std::is_nothrow_move_assignable_v<Tensor>);

TEST(Tensor, RefusesToBeReadAsAnotherType) {
  expect_throw<DTypeError>([] { zeros({2}).data<double>(); }, {"f32", "f64"});
  expect_throw<DTypeError>([] { zeros({2}, DType::i64).data<int32_t>(); }, {"i64", "i32"});
}

TEST(Tensor, CopiesShareElements) {
  const Tensor x = zeros({2});
  Tensor y = x;
  y.fill_(3);
  expect_same(x, {3, 3});
  expect_same(x.clone().fill_(4), {4, 4});
  expect_same(x, {3, 3});
}

std::string shown(const Tensor& x) { return to_string(x); }

void expect_text(const Tensor& x, std::string_view text) {
  EXPECT_EQ(shown(x).substr(0, text.size()), text) << shown(x);
}

TEST(ToString, ShowsElementsTypeShapeAndDevice) {
  expect_text(tensor({{1, 2.5}, {-3, 4}}), "[[ 1. ,  2.5],\n [-3. ,  4. ]]");
  for (const std::string_view part : {"f32", "[2, 2]", "cpu"}) {
    EXPECT_NE(shown(zeros({2, 2})).find(part), std::string::npos) << part;
  }
  expect_text(scalar(2.5), "2.5");
  expect_text(zeros({0}), "[]");
  expect_text(to_tensor(NdArray({3}, {1, -20, 3}), DType::i32), "[  1, -20,   3]");
  expect_text(to_tensor(NdArray({2}, {1, 0}), DType::boolean), "[ True, False]");
  expect_text(tensor({NAN, INFINITY}), "[nan, inf]");
  expect_text(zeros({2, 2, 1}), "[[[0.],\n  [0.]],\n\n [[0.],\n  [0.]]]");
}

TEST(ToString, ShowsViewsInTheirOrder) {
  expect_text(tensor({{1, 2}, {3, 4}}).transpose(0, 1), "[[1., 3.],\n [2., 4.]]");
}

TEST(ToString, ShortensLongTensorsAndKeepsBigIntegers) {
  const std::string text = shown(zeros({100, 100}));
  EXPECT_NE(text.find("..."), std::string::npos);
  EXPECT_LT(text.size(), 600U);
  EXPECT_EQ(shown(zeros({1000})).find("..."), std::string::npos);
  const int64_t big = (int64_t{1} << 53) + 1;  // not a double
  EXPECT_NE(shown(from_vector<int64_t>({big}, {1})).find(std::to_string(big)), std::string::npos);
  EXPECT_NE(shown(Tensor()).find("undefined"), std::string::npos);
}

TEST(ToString, HandlesEmptyTensorsOfManyElementsElsewhere) {
  EXPECT_EQ(shown(zeros({0, 5})).substr(0, 2), "[]");
  EXPECT_EQ(shown(zeros({2, 0})).substr(0, 3), "[]\n");
}

}  // namespace
}  // namespace dlengine::test
