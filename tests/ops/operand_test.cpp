// Operands that do not fit together: the error's type, and that it names the operation and what came.
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct Named {
  const char* name;
  Tensor (*op)(const Tensor&, const Tensor&);
};

const Named kBinary[] = {
    {"add", add},
    {"sub", sub},
    {"mul", mul},
    {"div", div},
    {"maximum", maximum},
    {"minimum", minimum},
    {"pow", pow},
    {"equal", equal},
    {"less", less},
    {"greater", greater},
    {"not_equal", not_equal},
    {"less_equal", less_equal},
    {"greater_equal", greater_equal},
};

TEST(Operands, ThatDoNotBroadcastAreNamed) {
  for (const Device device : devices()) {
    for (const auto& [name, op] : kBinary) {
      const Tensor a = zeros({2, 3}, DType::f32, device), b = zeros({4}, DType::f32, device);
      expect_throw<ShapeError>([&, f = op] { f(a, b); }, {name, "[2, 3]", "[4]"});
    }
  }
}

TEST(Operands, ThatAreUndefinedAreRefusedInsteadOfRead) {
  for (const auto& [name, op] : kBinary) {
    EXPECT_THROW(op(Tensor(), ones({2})), Error) << name;
    EXPECT_THROW(op(ones({2}), Tensor()), Error) << name;
  }
  EXPECT_THROW(relu(Tensor()), Error);
  EXPECT_THROW(sum(Tensor()), Error);
}

TEST(Operands, OfBoolAreNoNumbers) {
  for (const Device device : devices()) {
    const Tensor flag = ones({2}, DType::boolean, device);
    for (const auto& [name, op] : {Named{"add", add}, Named{"mul", mul}, Named{"maximum", maximum}}) {
      expect_throw<DTypeError>([&, f = op] { f(flag, flag); }, {name, "bool"});
    }
  }
}

TEST(Operands, OfFloatingFunctionsAreFloating) {
  const struct {
    const char* name;
    Tensor (*op)(const Tensor&);
  } rows[] = {{"silu", silu},
              {"selu", selu},
              {"mish", mish},
              {"log_sigmoid", log_sigmoid},
              {"hardsigmoid", hardsigmoid},
              {"hardswish", hardswish}};
  for (const Device device : devices()) {
    for (const auto& [name, op] : rows) {
      for (const DType dtype : {DType::u8, DType::i32, DType::i64, DType::boolean}) {
        const Tensor x = zeros({3}, dtype, device);
        expect_throw<DTypeError>([&, f = op] { f(x); }, {name, dlengine::name(dtype)});
      }
    }
    const Tensor whole = ones({2}, DType::i32, device);
    expect_throw<DTypeError>([&] { pow(whole, whole); }, {"pow", "i32"});
  }
}

TEST(Operands, OfRealFunctionsBecomeFloating) {
  const struct {
    const char* name;
    Tensor (*op)(const Tensor&);
  } rows[] = {{"exp", exp},
              {"expm1", expm1},
              {"log", log},
              {"log1p", log1p},
              {"sqrt", sqrt},
              {"rsqrt", rsqrt},
              {"reciprocal", reciprocal},
              {"sin", sin},
              {"cos", cos},
              {"erf", erf},
              {"sigmoid", sigmoid},
              {"tanh", tanh},
              {"softsign", softsign}};
  for (const Device device : devices()) {
    for (const auto& [name, op] : rows) {
      for (const DType dtype : {DType::u8, DType::i32, DType::i64}) {
        const Tensor x = arange(1, 4, 1, dtype, device), y = op(x);
        EXPECT_EQ(y.dtype(), DType::f32) << name;
        expect_same(y, op(x.to(DType::f32)).to_vector<double>());
      }
      const Tensor flag = ones({2}, DType::boolean, device);
      expect_throw<DTypeError>([&, f = op] { f(flag); }, {name, "bool"});
    }
  }
}

TEST(Operands, OfFunctionsWithWholeResultsStayIntegers) {
  const struct {
    const char* name;
    Tensor (*op)(const Tensor&);
    std::vector<double> of_signed, of_u8;
  } rows[] = {
      {"relu", relu, {0, 0, 0, 3, 100}, {0, 1, 3, 6, 200}},
      {"relu6", relu6, {0, 0, 0, 3, 6}, {0, 1, 3, 6, 6}},
      {"hardtanh", [](const Tensor& x) { return hardtanh(x, -2, 4); }, {-2, -1, 0, 3, 4}, {0, 1, 3, 4, 4}},
      {"floor", floor, {-7, -1, 0, 3, 100}, {0, 1, 3, 6, 200}},
      {"ceil", ceil, {-7, -1, 0, 3, 100}, {0, 1, 3, 6, 200}},
      {"round", round, {-7, -1, 0, 3, 100}, {0, 1, 3, 6, 200}},
  };
  for (const Device device : devices()) {
    for (const auto& [name, op, of_signed, of_u8] : rows) {
      SCOPED_TRACE(name);
      for (const DType dtype : {DType::u8, DType::i32, DType::i64}) {
        const std::vector<double> values = dtype == DType::u8 ? std::vector<double>{0, 1, 3, 6, 200}
                                                              : std::vector<double>{-7, -1, 0, 3, 100};
        const Tensor x = to_tensor(NdArray({5}, values), dtype, device), y = op(x);
        EXPECT_EQ(y.dtype(), dtype);
        expect_same(y, dtype == DType::u8 ? of_u8 : of_signed);
        EXPECT_NE(y.storage(), x.storage());
        expect_same(op(x.reshape({5, 1}).expand({5, 3}).transpose(0, 1)).select(0, 2), y.to_vector<double>());
        EXPECT_EQ(op(zeros({0}, dtype, device)).dtype(), dtype);
      }
      const Tensor flag = ones({2}, DType::boolean, device);
      expect_throw<DTypeError>([&, f = op] { f(flag); }, {name, "bool"});
    }
    const int64_t big = (int64_t{1} << 53) + 1;  // not a double
    const Tensor large = from_vector<int64_t>({big, -big}, {2}, device);
    EXPECT_EQ(relu(large).to_vector<int64_t>(), (std::vector<int64_t>{big, 0}));
    EXPECT_EQ(floor(large).to_vector<int64_t>(), (std::vector<int64_t>{big, -big}));
  }
}

TEST(Operands, OfIntegersMeetNumbers) {
  for (const Device device : devices()) {
    const Tensor x = arange(-1, 3, 1, DType::i64, device);
    const auto expect_type = [](const Tensor& y, DType dtype, const std::vector<double>& want) {
      EXPECT_EQ(y.dtype(), dtype);
      expect_same(y, want);
    };
    expect_type(x + 0.5, DType::f32, {-0.5, 0.5, 1.5, 2.5});
    expect_type(x * 2.0, DType::i64, {-2, 0, 2, 4});
    expect_type(x * 0.5, DType::f32, {-0.5, 0, 0.5, 1});
    expect_type(x / 0.5, DType::f32, {-2, 0, 2, 4});
    expect_type(x / 2.0, DType::i64, {0, 0, 0, 1});
    expect_type(0.5 / full({2}, 2, DType::i32, device), DType::f32, {0.25, 0.25});
    expect_type(pow(x, 3), DType::i64, {-1, 0, 1, 8});
    expect_type(pow(x, 0), DType::i64, {1, 1, 1, 1});
    expect_type(pow(full({1}, 3, DType::i64, device), 39), DType::i64, {4052555153018976267.0});
    expect_type(pow(full({1}, 4, DType::u8, device), 0.5), DType::f32, {2});
    expect_type(pow(full({1}, 4, DType::u8, device), -1), DType::f32, {0.25});
    const Tensor flag = ones({2}, DType::boolean, device);
    expect_throw<DTypeError>([&] { pow(flag, 2); }, {"pow", "bool"});
    expect_throw<DTypeError>([&] { flag / 2.0; }, {"div", "bool"});
    expect_throw<DTypeError>([&] { flag * 0.5; }, {"mul", "bool"});
  }
}

TEST(Operands, OfWhereNeedABoolCondition) {
  for (const Device device : devices()) {
    const Tensor x = zeros({2, 3}, DType::f32, device);
    expect_throw<DTypeError>([&] { where(x, x, x); }, {"where", "f32"});
    const Tensor condition = zeros({4}, DType::boolean, device);
    expect_throw<ShapeError>([&] { where(condition, x, x); }, {"where", "[4]", "[2, 3]"});
  }
}

TEST(Operands, RankIsLimited) {
  expect_throw<ShapeError>([] { zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}); }, {"8", "9"});
  expect_throw<ShapeError>([] { zeros({1, 1, 1, 1, 1, 1, 1, 1}).unsqueeze(0); }, {"8"});
  expect_throw<ShapeError>([] { zeros({2, -1}); }, {"[2, -1]"});
}

}  // namespace
}  // namespace dlengine::test
