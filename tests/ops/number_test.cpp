// Numbers as operands of comparisons, maximum, minimum and where.
#include <cmath>
#include <limits>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "tests/ops/comparisons.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

// Some of the numbers are beyond the type.
TEST(Numbers, AreComparedInEveryType) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      if (dtype == DType::boolean) continue;
      const Tensor x = to_tensor(NdArray({2, 2}, {0, 1, 3, 255}), dtype, device);
      for (const Comparison& row : kComparisons) {
        for (const double b :
             {0.0, 1.0, 0.5, 255.0, 256.0, -1.0, -0.5, 0x1p70, double{INFINITY}, std::nan("")}) {
          SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)) + " " + std::to_string(b));
          std::vector<double> want;
          for (const double a : x.to_vector<double>()) want.push_back(row.value(a, b));
          const Tensor y = row.with_number(x, b);
          EXPECT_EQ(name(y.dtype()), "bool");
          expect_same(y, want);
        }
      }
    }
  }
}

TEST(Numbers, ThatAreWholeAreComparedExactly) {
  const int64_t big = (int64_t{1} << 53) - 1;
  for (const Device device : devices()) {
    const Tensor x = from_vector<int64_t>({big - 1, big, big + 1}, {3}, device);
    expect_same(equal(x, static_cast<double>(big)), {0, 1, 0});
    expect_same(less(x, static_cast<double>(big)), {1, 0, 0});
    const Tensor most = from_vector<int32_t>({std::numeric_limits<int32_t>::max()}, {1}, device);
    expect_same(less(most, 0x1p31), {1});
    expect_same(equal(full({1}, 0.1, DType::f16, device), 0.1), {1});  // rounded to x's type
  }
}

TEST(Numbers, BesideComparisonsLeaveNoTape) {
  const Tensor x = ones({2}).set_requires_grad();
  for (const Comparison& row : kComparisons) EXPECT_FALSE(row.with_number(x, 0.5).requires_grad());
}

TEST(Numbers, KeepTypesWhereTheyAreWhole) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::u8, DType::i32, DType::i64}) {
      const Tensor x = to_tensor(NdArray({3}, {0, 2, 5}), dtype, device), mask = greater(x, 1);
      for (const auto& [y, want] : {std::pair{maximum(x, 2), NdArray({3}, {2, 2, 5})},
                                    {minimum(x, 2), NdArray({3}, {0, 2, 2})},
                                    {where(mask, x, 1), NdArray({3}, {1, 2, 5})},
                                    {where(mask, 1, x), NdArray({3}, {0, 1, 1})}}) {
        EXPECT_EQ(name(y.dtype()), name(dtype));
        expect_same(y, want);
      }
      for (const auto& [y, want] : {std::pair{maximum(x, 2.5), NdArray({3}, {2.5, 2.5, 5})},
                                    {minimum(x, 2.5), NdArray({3}, {0, 2, 2.5})},
                                    {where(mask, x, 0.5), NdArray({3}, {0.5, 2, 5})},
                                    {where(mask, 0.5, x), NdArray({3}, {0, 0.5, 0.5})}}) {
        EXPECT_EQ(name(y.dtype()), "f32");
        expect_same(y, want);
      }
    }
    const Tensor bytes = from_vector<uint8_t>({0, 7}, {2}, device);
    expect_same(maximum(bytes, -1), {0, 7});  // what the type does not hold is its nearest end
    expect_same(minimum(bytes, 300), {0, 7});
  }
}

TEST(Numbers, LeaveHalfOfTheGradientWhereTheyAreEqual) {
  for (const Device device : devices()) {
    const Tensor x = tensor({-1, 0, 1}).to(device).set_requires_grad();
    maximum(x, 0).backward(ones({3}, DType::f32, device));
    expect_same(x.grad(), {0, 0.5, 1});
  }
}

TEST(Numbers, BesideBoolAreRefused) {
  const Tensor mask = ones({2}, DType::boolean);
  for (const Comparison& row : kComparisons) {
    expect_throw<DTypeError>([&] { row.with_number(mask, 1); }, {row.name, "bool", "numeric"});
    expect_throw<ValueError>([&] { row.with_number(Tensor(), 1); }, {row.name, "undefined"});
  }
  expect_throw<DTypeError>([&] { maximum(mask, 1); }, {"maximum", "bool"});
  expect_throw<DTypeError>([&] { minimum(mask, 1); }, {"minimum", "bool"});
  expect_throw<DTypeError>([&] { where(mask, mask, 1); }, {"where", "bool"});
  expect_throw<DTypeError>([&] { where(ones({2}), ones({2}), 1); }, {"where", "f32", "need bool"});
}

}  // namespace
}  // namespace dlengine::test
