// Arithmetic in place: values in every type and layout, what the tape and other handles see, messages.
#include "dlengine/core/ops/inplace.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/graph.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/layout.h"

namespace dlengine::test {
namespace {

struct InPlaceRow {
  const char* name;
  Tensor (*in_place)(const Tensor&, const Tensor&);
  Tensor (*sign)(const Tensor&, const Tensor&);
  Tensor (*number)(const Tensor&, double);
  Tensor (*number_sign)(const Tensor&, double);
  Tensor (*op)(const Tensor&, const Tensor&);
};

const InPlaceRow kRows[] = {
    {"add_", add_, operator+=, add_, operator+=, add},
    {"sub_", sub_, operator-=, sub_, operator-=, sub},
    {"mul_", mul_, operator*=, mul_, operator*=, mul},
    {"div_", div_, operator/=, div_, operator/=, div},
};

TEST(InPlace, WritesWhatTheOperationGives) {
  const NdArray a({2, 3}, {8, 6, 4, 2, 12, 16}), b({3}, {2, 1, 4});
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      if (dtype == DType::boolean) continue;
      for (int layout = 0; layout < kLayouts - 1; ++layout) {
        for (const InPlaceRow& row : kRows) {
          SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)));
          const auto check = [&](auto&& write, const Tensor& y, const Tensor& wanted) {
            const GuardedTensor x(a, dtype, device, static_cast<Layout>(layout));
            const Tensor result = write(x.view(), y);
            EXPECT_EQ(result.impl(), x.view().impl());
            expect_same(x.view(), to_ndarray(wanted));
            EXPECT_TRUE(x.surroundings_untouched());
          };
          const Tensor x = to_tensor(a, dtype, device), y = to_tensor(b, dtype, device);
          check(row.in_place, y, row.op(x, y));
          check(row.sign, y, row.op(x, y));
          const Tensor two = full({}, 2, dtype, device);
          check([&](const Tensor& to, const Tensor&) { return row.number(to, 2); }, two, row.op(x, two));
          check([&](const Tensor& to, const Tensor&) { return row.number_sign(to, 2); }, two, row.op(x, two));
        }
      }
    }
  }
}

TEST(InPlace, IsSeenByCopiesAndViews) {
  for (const Device device : devices()) {
    Tensor x = zeros({2, 2}, DType::f32, device);
    const Tensor copy = x, row = x.select(0, 1);
    x += 1;
    x.index({0}) += tensor({1, 2}).to(device);
    expect_same(copy, NdArray({2, 2}, {2, 3, 1, 1}));
    row *= 5;
    expect_same(x, NdArray({2, 2}, {2, 3, 5, 5}));
    x += x.transpose(0, 1);  // a part of itself
    expect_same(copy, NdArray({2, 2}, {4, 8, 8, 10}));
    x -= x;
    expect_same(copy, NdArray({2, 2}));
    zeros({0, 2}, DType::f32, device) += 1;
  }
}

TEST(InPlace, KeepsItsType) {
  for (const Device device : devices()) {
    const Tensor half = ones({2}, DType::f16, device), whole = ones({2}, DType::u8, device);
    half += full({2}, 0.5, DType::f64, device);
    expect_same(half, {1.5, 1.5});
    EXPECT_EQ(half.dtype(), DType::f16);
    whole += full({2}, 300, DType::i64, device);  // wraps around, as to(u8) does
    expect_same(whole, {45, 45});
    for (const InPlaceRow& row : kRows) {
      expect_throw<DTypeError>([&] { row.in_place(whole, half); }, {row.name, "f16", "u8"});
      expect_throw<DTypeError>([&] { row.number(whole, 0.3); }, {row.name, "f32", "u8"});
      expect_throw<ShapeError>(
          [&] {
            row.in_place(half, ones({2, 2}, DType::f16, device));
          },
          {row.name, "[2, 2]", "[2]"});
    }
    expect_same(whole, {45, 45});
  }
}

TEST(InPlace, IsRefusedWhereTheTapeWouldMissIt) {
  Tensor weight = ones({2}).set_requires_grad();
  const Tensor buffer = ones({2});
  for (const InPlaceRow& row : kRows) {
    expect_throw<AutogradError>([&] { row.in_place(weight, buffer); },
                                {row.name, "on the tape", "x = x + y"});
    expect_throw<AutogradError>([&] { row.in_place(buffer, weight * 2); }, {row.name, "on the tape"});
    expect_throw<AutogradError>([&] { row.number(weight * 2, 1); }, {row.name, "on the tape"});
    expect_throw<ValueError>([&] { row.in_place(Tensor(), buffer); }, {row.name, "undefined"});
    expect_throw<ValueError>([&] { row.number(Tensor(), 1); }, {row.name, "undefined"});
  }
  expect_same(buffer, {1, 1});
  const NoGrad no_grad;
  weight -= buffer * 0.25;
  expect_same(weight, {0.75, 0.75});
  EXPECT_TRUE(weight.requires_grad());
}

TEST(InPlace, IsNoticedByWhatTheTapeSaved) {
  const Tensor x = ones({2}).set_requires_grad(), factor = ones({2});
  const Tensor y = sum(x * factor);
  factor += 1;
  expect_throw<AutogradError>([&] { y.backward(); }, {"written to between"});
}

TEST(InPlace, OfInputsIsInNoGraph) {
  expect_throw<ValueError>(
      [] {
        trace([](const std::vector<Tensor>& in) { return std::vector{add_(in[0], 1)}; }, {{"x", {2}}});
      },
      {"writes"});
}

TEST(InPlace, RefusesElementsThatMeetInMemory) {
  for (const Device device : devices()) {
    const Tensor x = zeros({2, 1}, DType::f32, device);
    Tensor wide = x.expand({2, 3});
    expect_throw<ValueError>([&] { wide.copy_(ones({3}, DType::f32, device)); },
                             {"copy_: elements of the target [2, 3] share memory along axis 1"});
    expect_throw<ValueError>([&] { wide += 1.0; }, {"share memory along axis 1"});
    expect_throw<ValueError>([&] { wide.fill_(2); }, {"fill_", "share memory along axis 1"});
    expect_same(x, {0, 0});
  }
}

}  // namespace
}  // namespace dlengine::test
