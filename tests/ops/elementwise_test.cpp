// Every elementwise operation on every device, floating type, shape and layout, against double.
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "tests/ops/comparisons.h"
#include "tests/ops/unary_row.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

// --- One operand ---

const UnaryRow kUnary[] = {
    {"abs", abs, [](double x) { return std::abs(x); }, -3, 3, {0}},
    {"exp", exp, [](double x) { return std::exp(x); }},
    {"log", log, [](double x) { return std::log(x); }, 0.2, 9},
    {"sqrt", sqrt, [](double x) { return std::sqrt(x); }, 0.2, 9},
    {"square", square, [](double x) { return x * x; }},
    {"reciprocal", reciprocal, [](double x) { return 1 / x; }, 0.5, 4, {}, 4},
    {"sign", sign, [](double x) { return x > 0 ? 1.0 : -1.0; }, -3, 3, {0}},
    {"expm1", expm1, [](double x) { return std::expm1(x); }},
    {"log1p", log1p, [](double x) { return std::log1p(x); }, -0.8, 9, {}, 5},
    {"rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.5, 4, {}, 2},
    {"sin", sin, [](double x) { return std::sin(x); }, -9, 9},
    {"cos", cos, [](double x) { return std::cos(x); }, -9, 9},
    {"erf", erf, [](double x) { return std::erf(x); }, -3, 3, {}, 2},
    {"floor", floor, [](double x) { return std::floor(x); }, -3, 3, {-3, -2, -1, 0, 1, 2, 3}},
    {"ceil", ceil, [](double x) { return std::ceil(x); }, -3, 3, {-3, -2, -1, 0, 1, 2, 3}},
    {"round", round, [](double x) { return std::nearbyint(x); }, -3, 3, {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}},
    {"negate", [](const Tensor& x) { return -x; }, [](double x) { return -x; }},
    {"scale_shift", [](const Tensor& x) { return scale_shift(x, -2.5, 0.75); },
     [](double x) { return x * -2.5 + 0.75; }},
    {"plus_number", [](const Tensor& x) { return x + 1.5; }, [](double x) { return x + 1.5; }},
    {"minus_number", [](const Tensor& x) { return x - 1.5; }, [](double x) { return x - 1.5; }},
    {"number_minus", [](const Tensor& x) { return 1.5 - x; }, [](double x) { return 1.5 - x; }},
    {"times_number", [](const Tensor& x) { return 1.5 * x; }, [](double x) { return 1.5 * x; }},
    {"divided_by_number", [](const Tensor& x) { return x / 3.0; }, [](double x) { return x / 3; }},
    {"number_divided_by",
     [](const Tensor& x) { return 3.0 / x; },
     [](double x) { return 3 / x; },
     1,
     4,
     {},
     3},
    {"maximum_number",
     [](const Tensor& x) { return maximum(x, 0.25); },
     [](double x) { return std::max(x, 0.25); },
     -3,
     3,
     {0.25}},
    {"minimum_number",
     [](const Tensor& x) { return minimum(x, -0.5); },
     [](double x) { return std::min(x, -0.5); },
     -3,
     3,
     {-0.5}},
    {"where_else_number",
     [](const Tensor& x) { return where(greater(x, 0.5), x, -2); },
     [](double x) { return x > 0.5 ? x : -2; },
     -3,
     3,
     {0.5}},
    {"where_number_else",
     [](const Tensor& x) { return where(less_equal(x, -0.5), 1, x); },
     [](double x) { return x <= -0.5 ? 1 : x; },
     -3,
     3,
     {-0.5}},
    {"pow_2", [](const Tensor& x) { return pow(x, 2); }, [](double x) { return x * x; }},
    {"pow_3", [](const Tensor& x) { return pow(x, 3); }, [](double x) { return x * x * x; }, -2, 2, {}, 12},
    {"pow_half", [](const Tensor& x) { return pow(x, 0.5); }, [](double x) { return std::sqrt(x); }, 0.2, 9},
    {"pow_minus_1",
     [](const Tensor& x) { return pow(x, -1); },
     [](double x) { return 1 / x; },
     0.5,
     4,
     {},
     4},
};

class Unary : public ::testing::TestWithParam<UnaryRow> {};

TEST_P(Unary, ValueAndGradientMatchDouble) { check_unary(GetParam()); }

INSTANTIATE_TEST_SUITE_P(All, Unary, ::testing::ValuesIn(kUnary),
                         [](const auto& test) { return test.param.name; });

// --- Two operands ---

struct BinaryRow {
  const char* name;
  Tensor (*op)(const Tensor&, const Tensor&);
  double (*value)(double, double);
  double low_a = -2, low_b = -2;
  double step = 0;   // not 0: a on multiples, b between them, so that they are never equal
  double slope = 2;  // largest on the range
  friend std::ostream& operator<<(std::ostream& out, const BinaryRow& row) { return out << row.name; }
};

const BinaryRow kBinary[] = {
    {"add", add, [](double a, double b) { return a + b; }},
    {"sub", sub, [](double a, double b) { return a - b; }},
    {"mul", mul, [](double a, double b) { return a * b; }},
    {"div", div, [](double a, double b) { return a / b; }, -2, 0.5, 0, 8},
    {"maximum", maximum, [](double a, double b) { return std::max(a, b); }, -2, -2, 0.125},
    {"minimum", minimum, [](double a, double b) { return std::min(a, b); }, -2, -2, 0.125},
    {"pow", pow, [](double a, double b) { return std::pow(a, b); }, 0.5, -2, 0, 16},
};

// A gradient summed over the places where an element was repeated: n independent roundings grow as their
// root.
ErrorBudget summed(int64_t n, double magnitude) {
  const auto terms = static_cast<double>(n);
  return {.terms = terms + 4, .roundings = 4 * std::sqrt(terms), .magnitude = magnitude};
}

class Binary : public ::testing::TestWithParam<BinaryRow> {};

TEST_P(Binary, ValueAndGradientMatchDoubleWithBroadcasting) {
  const BinaryRow& row = GetParam();
  const std::pair<Shape, Shape> shapes[] = {
      {{}, {}},      {{0}, {0}},       {{4097}, {4097}},         {{3, 5, 2}, {3, 5, 2}},
      {{1}, {4097}}, {{3, 5, 2}, {}},  {{3, 1, 2}, {5, 1}},      {{0, 3}, {1, 3}},
      {{}, {0, 2}},  {{7}, {6, 1, 7}}, {{6, 3, 8, 10}, {8, 10}},
  };
  for (const auto& [a, b] : shapes) {
    const int64_t repeats =
        std::max(a.product(), b.product()) / std::max<int64_t>(std::min(a.product(), b.product()), 1);
    check_case(
        {.name = row.name,
         .inputs = {{.shape = a, .low = row.low_a, .high = 2, .step = row.step},
                    {.shape = b, .low = row.low_b, .high = 2, .step = row.step, .offset = row.step / 2}},
         .op = [&](const std::vector<Tensor>& in) { return row.op(in[0], in[1]); },
         .reference = [&](const std::vector<NdArray>& in) { return reference::zip(in[0], in[1], row.value); },
         .value = {.magnitude = 4},
         .gradient = summed(std::max<int64_t>(repeats, 5), row.slope),
         .elementwise = true});
  }
}

INSTANTIATE_TEST_SUITE_P(All, Binary, ::testing::ValuesIn(kBinary),
                         [](const auto& test) { return test.param.name; });

TEST(Broadcasting, AddsImageBatchAndPlane) {
  check_case({.name = "add",
              .inputs = {{.shape = {64, 3, 32, 10}}, {.shape = {32, 10}}},
              .op = [](const std::vector<Tensor>& in) { return in[0] + in[1]; },
              .reference =
                  [](const std::vector<NdArray>& in) { return reference::zip(in[0], in[1], std::plus<>()); },
              .gradient = summed(64 * 3, 1),
              .elementwise = true});
}

TEST(Broadcasting, TakesTheLargerAndTheSmallerOfImageBatchAndPlane) {
  for (const BinaryRow& row : kBinary) {
    if (row.step == 0) continue;  // maximum and minimum
    check_case(
        {.name = row.name,
         .inputs = {{.shape = {64, 3, 32, 10}, .low = -2, .high = 2, .step = row.step},
                    {.shape = {32, 10}, .low = -2, .high = 2, .step = row.step, .offset = row.step / 2}},
         .op = [&](const std::vector<Tensor>& in) { return row.op(in[0], in[1]); },
         .reference = [&](const std::vector<NdArray>& in) { return reference::zip(in[0], in[1], row.value); },
         .gradient = summed(64 * 3, 1),
         .elementwise = true});
  }
}

// --- Choice ---

TEST(Where, PicksElementsAndSendsGradientsBack) {
  const NdArray condition({3, 1, 2}, {1, 0, 0, 1, 1, 1});
  for (const auto& [a, b] :
       {std::pair<Shape, Shape>{{3, 5, 2}, {3, 5, 2}}, {{}, {5, 1}}, {{5, 2}, {3, 1, 1}}}) {
    check_case({.name = "where",
                .inputs = {{.shape = a}, {.shape = b}},
                .op =
                    [&](const std::vector<Tensor>& in) {
                      return where(to_tensor(condition, DType::boolean, in[0].device()), in[0], in[1]);
                    },
                .reference =
                    [&](const std::vector<NdArray>& in) {
                      const NdArray chosen =
                          reference::zip(condition, in[0], [](double c, double x) { return c * x; });
                      const NdArray other =
                          reference::zip(condition, in[1], [](double c, double x) { return (1 - c) * x; });
                      return reference::zip(chosen, other, std::plus<>());
                    },
                .gradient = summed(30, 1),
                .elementwise = true});
  }
}

// --- Comparisons ---

class Compare : public ::testing::TestWithParam<Comparison> {};

TEST_P(Compare, GivesBoolInEveryType) {
  const Comparison& row = GetParam();
  std::mt19937_64 rng(7);
  const NdArray wide =
      reference::map(random_array({3, 5, 2}, 0, 4, rng), [](double x) { return std::floor(x); });
  const NdArray narrow({5, 1}, {0, 1, 2, 3, 1});
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + to_string(device));
      const NdArray a = rounded(wide, dtype), b = rounded(narrow, dtype);
      const Tensor y = row.op(to_tensor(a, dtype, device), to_tensor(b, dtype, device));
      EXPECT_EQ(y.dtype(), DType::boolean);
      EXPECT_FALSE(y.requires_grad());
      expect_same(y, reference::zip(a, b, [&](double p, double q) { return row.value(p, q) ? 1.0 : 0.0; }));
    }
  }
}

TEST_P(Compare, FollowsIeeeForNan) {
  const Comparison& row = GetParam();
  for (const Device device : devices()) {
    const Tensor a = tensor({NAN, NAN, 1, INFINITY}).to(device);
    const Tensor b = tensor({NAN, 1, NAN, INFINITY}).to(device);
    const double infinite = row.value(INFINITY, INFINITY), nan = row.value(NAN, NAN);
    expect_same(row.op(a, b), {nan, nan, nan, infinite});
  }
}

INSTANTIATE_TEST_SUITE_P(All, Compare, ::testing::ValuesIn(kComparisons),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace dlengine::test
