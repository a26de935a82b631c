// Elements that a mask names.
#include "dlengine/core/ops/masked.h"

#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/graph.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

const NdArray kMask({3, 4}, {1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0});

Tensor mask_on(Device device) { return to_tensor(kMask, DType::boolean, device); }

TEST(MaskedFill, MatchesDouble) {
  check_case(
      {.name = "masked_fill",
       .inputs = {{.shape = {2, 3, 4}}},
       .op = [](const std::vector<Tensor>& in) { return masked_fill(in[0], mask_on(in[0].device()), -2.5); },
       .reference =
           [](const std::vector<NdArray>& in) {
             return reference::zip(in[0], kMask, [](double x, double mask) { return mask ? -2.5 : x; });
           },
       .elementwise = true});
}

TEST(MaskedFill, KeepsTypesOfIntegers) {
  for (const Device device : devices()) {
    for (const DType dtype : integer_types()) {
      const Tensor y = masked_fill(zeros({3, 4}, dtype, device), mask_on(device), 3);
      EXPECT_EQ(name(y.dtype()), name(dtype));
      expect_same(sum(y), {15});
    }
    expect_same(masked_fill(ones({2}, DType::f32, device), ones({1}, DType::boolean, device), -INFINITY),
                {-INFINITY, -INFINITY});
  }
}

TEST(MaskedSelect, MatchesDoubleInRowMajorOrder) {
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 3, 4}, Shape{4}, Shape{3, 1}}) {
    check_case(
        {.name = "masked_select " + to_string(shape),
         .inputs = {{.shape = shape}},
         .op = [](const std::vector<Tensor>& in) { return masked_select(in[0], mask_on(in[0].device())); },
         .reference =
             [](const std::vector<NdArray>& in) {
               const NdArray both = reference::zip(in[0], kMask, [](double x, double) { return x; });
               const NdArray mask = reference::zip(in[0], kMask, [](double, double m) { return m; });
               std::vector<double> kept;
               for (int64_t i = 0; i < both.numel(); ++i) {
                 if (mask[i] != 0) kept.push_back(both[i]);
               }
               return NdArray({static_cast<int64_t>(kept.size())}, kept);
             },
         .value = {.terms = 0},
         .gradient = {.terms = 6}});
  }
}

TEST(MaskedSelect, TakesEveryTypeAndNothing) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      const Tensor x = to_tensor(NdArray({4}, {1, 0, 1, 1}), dtype, device);
      const Tensor y = masked_select(x, to_tensor(NdArray({4}, {1, 1, 0, 0}), DType::boolean, device));
      EXPECT_EQ(name(y.dtype()), name(dtype));
      expect_same(y, {1, 0});
    }
    const Tensor none = zeros({2, 3}, DType::boolean, device);
    EXPECT_EQ(masked_select(ones({2, 3}, DType::f32, device), none).shape(), (Shape{0}));
    EXPECT_EQ(masked_select(ones({0, 3}, DType::f32, device), none.slice(0, 0, 0)).shape(), (Shape{0}));
    expect_same(masked_select(full({}, 7, DType::f32, device), ones({}, DType::boolean, device)), {7});
  }
}

TEST(Nonzero, GivesARowForEachElement) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      const Tensor y = nonzero(to_tensor(kMask, dtype, device));
      EXPECT_EQ(name(y.dtype()), "i64");
      expect_same(y, NdArray({5, 2}, {0, 0, 0, 3, 2, 0, 2, 1, 2, 2}));
    }
    expect_same(nonzero(mask_on(device).transpose(0, 1)), NdArray({5, 2}, {0, 0, 0, 2, 1, 2, 2, 2, 3, 0}));
    expect_same(nonzero(tensor({0, -0.0F, NAN, 1e-45F}).to(device)), NdArray({2, 1}, {2, 3}));
    EXPECT_EQ(nonzero(zeros({2, 3, 4}, DType::f32, device)).shape(), (Shape{0, 3}));
    EXPECT_EQ(nonzero(zeros({2, 0}, DType::f32, device)).shape(), (Shape{0, 2}));
    EXPECT_EQ(nonzero(ones({}, DType::f32, device)).shape(), (Shape{1, 0}));
    EXPECT_FALSE(nonzero(ones({2}, DType::f32, device).set_requires_grad()).requires_grad());
  }
}

TEST(Masked, CannotBeInAGraphWhereTheSizeIsInTheElements) {
  for (const Device device : devices()) {
    const auto traced = [&](auto&& f) {
      trace([&](const std::vector<Tensor>& in) { return std::vector{f(in[0])}; }, {{"x", {2, 3}}},
            {.device = device});
    };
    expect_throw<ValueError>([&] { traced([](const Tensor& x) { return nonzero(x); }); },
                             {"reads elements on the host"});
    expect_throw<ValueError>([&] { traced([](const Tensor& x) { return masked_select(x, greater(x, 0)); }); },
                             {"reads elements on the host"});
    traced([](const Tensor& x) { return masked_fill(x, greater(x, 0), 0); });
  }
}

TEST(Masked, NamesWhatDoesNotFit) {
  const Tensor x = ones({2, 3}), mask = ones({2, 3}, DType::boolean);
  expect_throw<DTypeError>([&] { masked_select(x, x); }, {"masked_select", "f32", "a mask of bool"});
  expect_throw<DTypeError>([&] { masked_fill(x, x, 0); }, {"masked_fill", "f32", "a mask of bool"});
  expect_throw<DTypeError>([&] { masked_fill(mask, mask, 0); }, {"where", "bool", "numeric"});
  expect_throw<ShapeError>([&] { masked_select(x, ones({2}, DType::boolean)); },
                           {"masked_select", "[2, 3]", "[2]"});
  expect_throw<ShapeError>([&] { masked_fill(ones({3}), mask, 0); },
                           {"masked_fill: the mask [2, 3] does not broadcast to [3]"});
  expect_throw<ValueError>([] { nonzero(Tensor()); }, {"nonzero", "undefined"});
  expect_throw<ValueError>([&] { masked_select(x, Tensor()); }, {"masked_select", "undefined"});
}

}  // namespace
}  // namespace dlengine::test
