// Boolean logic and closeness.
#include "dlengine/core/ops/logic.h"

#include <cmath>
#include <limits>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct LogicRow {
  const char* name;
  Tensor (*op)(const Tensor&, const Tensor&);
  Tensor (*sign)(const Tensor&, const Tensor&);
  bool (*value)(bool, bool);
};

const LogicRow kLogic[] = {
    {"and", logical_and, operator&, [](bool a, bool b) { return a && b; }},
    {"or", logical_or, operator|, [](bool a, bool b) { return a || b; }},
    {"xor", logical_xor, operator^, [](bool a, bool b) { return a != b; }},
};

TEST(Logic, FollowsItsTablesWithBroadcasting) {
  const NdArray a({2, 1}, {0, 1}), b({2}, {0, 1});
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      const Tensor x = to_tensor(a, dtype, device), y = to_tensor(b, DType::boolean, device);
      for (const LogicRow& row : kLogic) {
        SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)));
        const NdArray want({2, 2}, {double(row.value(false, false)), double(row.value(false, true)),
                                    double(row.value(true, false)), double(row.value(true, true))});
        const Tensor got = row.op(x, y);
        EXPECT_EQ(name(got.dtype()), "bool");
        expect_same(got, want);
        expect_same(row.op(y, x), want);  // all are symmetric
        if (dtype == DType::boolean) expect_same(row.sign(x, y), want);
      }
      expect_same(logical_not(x), {1, 0});
    }
    expect_same(~to_tensor(b, DType::boolean, device), {1, 0});
    const Tensor x = tensor({-1, 0, 0.5F, 2}).to(device);
    expect_same(greater(x, 0) & less(x, 1), {0, 0, 1, 0});
    expect_same(logical_and(zeros({0, 3}, DType::u8, device), ones({3}, DType::u8, device)),
                NdArray(Shape{0, 3}));
  }
}

TEST(Logic, TakesAllButZeroForTrue) {
  for (const Device device : devices()) {
    const Tensor x = tensor({0, -0.0F, NAN, INFINITY, 1e-45F, -2}).to(device);
    expect_same(logical_not(x), {1, 1, 0, 0, 0, 0});
    expect_same(logical_and(x, x), {0, 0, 1, 1, 1, 1});
    expect_same(logical_or(x, x), {0, 0, 1, 1, 1, 1});
  }
}

TEST(Logic, HasNoGradient) {
  const Tensor x = ones({2}).set_requires_grad();
  for (const LogicRow& row : kLogic) EXPECT_FALSE(row.op(x, x).requires_grad());
  EXPECT_FALSE(logical_not(x).requires_grad());
  EXPECT_FALSE(isclose(x, x).requires_grad());
}

TEST(Logic, NamesWhatDoesNotFit) {
  const Tensor mask = ones({2}, DType::boolean), other = ones({3}, DType::boolean);
  for (const LogicRow& row : kLogic) {
    const std::string op = std::string("logical_") + row.name;
    expect_throw<ShapeError>([&] { row.op(mask, other); }, {op, "[2]", "[3]"});
    expect_throw<ValueError>([&] { row.op(mask, Tensor()); }, {op, "undefined"});
    expect_throw<DTypeError>([&] { row.sign(mask, ones({2}, DType::i64)); }, {"operator", "i64", "bool"});
  }
  expect_throw<DTypeError>([] { ~ones({2}); }, {"operator~", "f32", "bool"});
  expect_throw<ValueError>([] { logical_not(Tensor()); }, {"logical_not", "undefined"});
  expect_throw<ShapeError>([&] { isclose(mask, other); }, {"isclose", "[2]", "[3]"});
  expect_throw<ValueError>([&] { allclose(mask, mask, -1); }, {"isclose", "rtol -1"});
  expect_throw<ValueError>([&] { allclose(mask, mask, 0, NAN); }, {"isclose", "atol nan"});
}

TEST(Close, IsWithinBothTolerances) {
  for (const Device device : devices()) {
    const auto of = [&](std::vector<double> values) {
      return from_vector(values, {static_cast<int64_t>(values.size())}, device);
    };
    expect_same(isclose(of({1, 1, 1, 0, 0}), of({1 + 0.9e-5, 1 + 1.1e-5, 1 - 0.9e-5, 0.9e-8, 1.1e-8})),
                {1, 0, 1, 1, 0});
    expect_same(isclose(of({10, 10, 0}), of({11, 12, 0.5}), 0.1, 0),
                {1, 0, 0});  // relative to the second one
    expect_same(isclose(of({12}), of({10}), 0.19, 0), {0});
    expect_same(isclose(of({1, 2}), of({1.5, 2.75}), 0, 0.5), {1, 0});
    const double inf = INFINITY, nan = std::nan("");
    const Tensor a = of({inf, inf, inf, 1, nan, nan, -inf}), b = of({inf, -inf, 1, inf, nan, 1, -inf});
    expect_same(isclose(a, b), {1, 0, 0, 0, 0, 0, 1});
    expect_same(isclose(a, b, 1e-5, 1e-8, true), {1, 0, 0, 0, 1, 0, 1});
  }
}

TEST(Close, TakesEveryTypeAndShape) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      const Tensor x = to_tensor(NdArray({2, 1}, {0, 1}), dtype, device);
      EXPECT_TRUE(allclose(x, x));
      EXPECT_TRUE(allclose(x, x.to(DType::f64).reshape({2, 1})));
      EXPECT_FALSE(allclose(x, x.reshape({2})));  // broadcast
      EXPECT_TRUE(allclose(x, logical_not(x), 0, 1));
    }
    EXPECT_TRUE(allclose(zeros({0}, DType::f32, device), ones({1}, DType::f32, device)));
    const auto most = std::numeric_limits<int64_t>::max();
    const Tensor large = from_vector<int64_t>({most, 3}, {2}, device);
    EXPECT_TRUE(allclose(large, large, 0, 0));
    const Tensor bytes =
        from_vector<uint8_t>({250}, {1}, device);  // 250 - 251 is -1 and does not wrap around
    EXPECT_TRUE(allclose(bytes, from_vector<uint8_t>({251}, {1}, device), 0, 1));
    EXPECT_FALSE(allclose(bytes, from_vector<uint8_t>({251}, {1}, device), 0, 0.5));
  }
}

}  // namespace
}  // namespace dlengine::test
