// Every activation function on every device, floating type, shape and layout, against double; and where
// types, kinks and large arguments matter.
#include "dlengine/core/ops/activation.h"

#include <cmath>
#include <set>
#include <string>

#include "dlengine/core/factory.h"
#include "tests/ops/unary_row.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double soft(double x) { return std::log(1 + std::exp(x)); }

const UnaryRow kRows[] = {
    {"step", step, [](double x) { return x > 0 ? 1.0 : 0.0; }, -3, 3, {0}},
    {"relu", relu, [](double x) { return x > 0 ? x : 0; }, -3, 3, {0}},
    {"leaky_relu",
     [](const Tensor& x) { return leaky_relu(x); },
     [](double x) { return x > 0 ? x : 0.01 * x; },
     -3,
     3,
     {0}},
    {"leaky_relu_negative",
     [](const Tensor& x) { return leaky_relu(x, -0.75); },
     [](double x) { return x > 0 ? x : -0.75 * x; },
     -3,
     3,
     {0}},
    {"elu",
     [](const Tensor& x) { return elu(x); },
     [](double x) { return x > 0 ? x : std::exp(x) - 1; },
     -3,
     3,
     {0}},
    {"elu_alpha",
     [](const Tensor& x) { return elu(x, 2.5); },
     [](double x) { return x > 0 ? x : 2.5 * (std::exp(x) - 1); },
     -3,
     3,
     {0},
     3},
    {"selu",
     selu,
     [](double x) { return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * (std::exp(x) - 1)); },
     -3,
     3,
     {0},
     2,
     3},
    {"gelu",
     [](const Tensor& x) { return gelu(x); },
     [](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); },
     -6,
     6,
     {},
     6,
     6},
    {"gelu_tanh",
     [](const Tensor& x) { return gelu(x, GeluForm::tanh); },
     [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); },
     -6,
     6,
     {},
     16,
     6},
    {"silu", silu, [](double x) { return x * logistic(x); }, -9, 9, {}, 9, 9},
    {"softplus", [](const Tensor& x) { return softplus(x); }, soft, -9, 9},
    {"softplus_beta", [](const Tensor& x) { return softplus(x, 2.5); },
     [](double x) { return soft(2.5 * x) / 2.5; }, -9, 9},
    {"mish", mish, [](double x) { return x * std::tanh(soft(x)); }, -9, 9, {}, 9, 9},
    {"softsign", softsign, [](double x) { return x / (1 + std::abs(x)); }, -3, 3, {0}},
    {"sigmoid", sigmoid, logistic},
    {"log_sigmoid", log_sigmoid, [](double x) { return std::log(logistic(x)); }, -9, 9, {}, 1, 9},
    {"tanh", tanh, [](double x) { return std::tanh(x); }},
    {"clip",
     [](const Tensor& x) { return clip(x, -0.5, 2); },
     [](double x) { return std::min(std::max(x, -0.5), 2.0); },
     -3,
     3,
     {-0.5, 2}},
    {"clip_above",
     [](const Tensor& x) { return clip(x, -INFINITY, 0.75); },
     [](double x) { return std::min(x, 0.75); },
     -3,
     3,
     {0.75}},
    {"hardtanh",
     [](const Tensor& x) { return hardtanh(x); },
     [](double x) { return std::min(std::max(x, -1.0), 1.0); },
     -3,
     3,
     {-1, 1}},
    {"relu6", relu6, [](double x) { return std::min(std::max(x, 0.0), 6.0); }, -3, 9, {0, 6}},
    {"hardsigmoid",
     hardsigmoid,
     [](double x) { return std::min(std::max(x / 6 + 0.5, 0.0), 1.0); },
     -5,
     5,
     {-3, 3}},
    {"hardswish",
     hardswish,
     [](double x) { return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0); },
     -5,
     5,
     {-3, 3},
     2,
     5},
};

class Activations : public ::testing::TestWithParam<UnaryRow> {};

TEST_P(Activations, ValueAndGradientMatchDouble) { check_unary(GetParam()); }

INSTANTIATE_TEST_SUITE_P(All, Activations, ::testing::ValuesIn(kRows),
                         [](const auto& test) { return test.param.name; });

std::vector<double> slopes(Tensor (*op)(const Tensor&), const std::vector<double>& at, DType dtype,
                           Device device) {
  Tensor x = to_tensor(NdArray({static_cast<int64_t>(at.size())}, at), dtype, device).set_requires_grad();
  op(x).backward(ones(x.shape(), dtype, device));
  return x.grad().to_vector<double>();
}

// What a function gives for -1000 and 1000, and its slopes there.
struct Limits {
  const char* name;
  Tensor (*op)(const Tensor&);
  std::vector<double> values, slopes;
};

const Limits kLimits[] = {
    {"step", step, {0, 1}, {0, 0}},
    {"relu", relu, {0, 1000}, {0, 1}},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }, {-10, 1000}, {0.01, 1}},
    {"elu", [](const Tensor& x) { return elu(x); }, {-1, 1000}, {0, 1}},
    {"selu", selu, {-1.0507009873554805 * 1.6732632423543773, 1050.7009873554805}, {0, 1.0507009873554805}},
    {"gelu", [](const Tensor& x) { return gelu(x); }, {0, 1000}, {0, 1}},
    {"gelu_tanh", [](const Tensor& x) { return gelu(x, GeluForm::tanh); }, {0, 1000}, {0, 1}},
    {"silu", silu, {0, 1000}, {0, 1}},
    {"softplus", [](const Tensor& x) { return softplus(x); }, {0, 1000}, {0, 1}},
    {"softplus_beta", [](const Tensor& x) { return softplus(x, 20); }, {0, 1000}, {0, 1}},
    {"mish", mish, {0, 1000}, {0, 1}},
    {"softsign", softsign, {-1000 / 1001.0, 1000 / 1001.0}, {1 / 1001.0 / 1001, 1 / 1001.0 / 1001}},
    {"sigmoid", sigmoid, {0, 1}, {0, 0}},
    {"log_sigmoid", log_sigmoid, {-1000, 0}, {1, 0}},
    {"tanh", tanh, {-1, 1}, {0, 0}},
    {"hardtanh", [](const Tensor& x) { return hardtanh(x); }, {-1, 1}, {0, 0}},
    {"relu6", relu6, {0, 6}, {0, 0}},
    {"hardsigmoid", hardsigmoid, {0, 1}, {0, 0}},
    {"hardswish", hardswish, {0, 1000}, {0, 1}},
};

TEST(LargeArguments, OfActivationsGiveTheirLimits) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      for (const Limits& row : kLimits) {
        SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)) + " " + to_string(device));
        const Tensor x = to_tensor(NdArray({2}, {-1000, 1000}), dtype, device);
        expect_close(row.op(x), NdArray({2}, row.values), tolerance(dtype));
        const NdArray got({2}, slopes(row.op, {-1000, 1000}, dtype, device));
        expect_close(got, NdArray({2}, row.slopes), tolerance(dtype));
      }
    }
  }
}

TEST(LargeArguments, LogSigmoidAndSoftplusKeepTheirDigits) {
  for (const Device device : devices()) {
    const Tensor x = to_tensor(NdArray({2}, {-30, 30}), DType::f32, device);
    const std::vector<double> log = log_sigmoid(x).to_vector<double>();
    const std::vector<double> soft_values = softplus(x).to_vector<double>();
    const double tiny = std::exp(-30.0);
    EXPECT_NEAR(log[1] / -tiny, 1, 1e-6);
    EXPECT_NEAR(soft_values[0] / tiny, 1, 1e-6);
    EXPECT_EQ(log[0], -30);
    EXPECT_EQ(soft_values[1], 30);
  }
}

TEST(Nan, GoesThroughEveryActivation) {
  for (const Device device : devices()) {
    const Tensor x = full({1}, NAN, DType::f32, device);
    for (const UnaryRow& row : kRows) {
      EXPECT_TRUE(std::isnan(row.op(x).item<double>())) << row.name << " " << to_string(device);
    }
    EXPECT_TRUE(std::isnan(prelu(x, ones({1}, DType::f32, device)).item<double>()));
  }
}

// --- Kinks ---

struct Kink {
  const char* name;
  Tensor (*op)(const Tensor&);
  std::vector<double> at, slopes;
};

const Kink kKinks[] = {
    {"step", step, {0}, {0}},
    {"relu", relu, {0}, {0}},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.25); }, {0}, {0.25}},
    {"elu", [](const Tensor& x) { return elu(x, 2); }, {0}, {2}},
    {"clip", [](const Tensor& x) { return clip(x, -1, 2); }, {-1, 2}, {1, 1}},
    {"clip_to_a_point", [](const Tensor& x) { return clip(x, 2, 2); }, {1, 2, 3}, {0, 1, 0}},
    {"hardtanh", [](const Tensor& x) { return hardtanh(x); }, {-1, 1}, {0, 0}},
    {"relu6", relu6, {0, 6}, {0, 0}},
    {"hardsigmoid", hardsigmoid, {-3, 3}, {0, 0}},
    {"hardswish", hardswish, {-3, 3}, {0, 1}},
};

TEST(Kinks, OfActivationsHaveTheSlopesOfTheTable) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      for (const Kink& row : kKinks) {
        EXPECT_EQ(slopes(row.op, row.at, dtype, device), row.slopes)
            << row.name << " " << name(dtype) << " " << to_string(device);
      }
    }
  }
}

// --- Types and numbers ---

TEST(Clip, TakesIntegersAndEndsBeyondTheirRange) {
  for (const Device device : devices()) {
    for (const DType dtype : integer_types()) {
      const Tensor x = to_tensor(NdArray({4}, {0, 3, 7, 200}), dtype, device);
      EXPECT_EQ(clip(x, 2, 7).dtype(), dtype);
      expect_same(clip(x, 2, 7), {2, 3, 7, 7});
      expect_same(clip(x, -INFINITY, 1e30), {0, 3, 7, 200});
      expect_same(step(x), {0, 1, 1, 1});
    }
    expect_same(clip(from_vector<int64_t>({-5, 5}, {2}, device), -1e30, 3), {-5, 3});
  }
}

TEST(Clip, RefusesEndsThatMakeNoSense) {
  const Tensor x = ones({2});
  expect_throw<ValueError>([&] { clip(x, 2, 1); }, {"clip", "low must not be above high", "2 and 1"});
  expect_throw<ValueError>([&] { clip(x, NAN, 1); }, {"clip", "nan"});
  expect_throw<DTypeError>([&] { clip(x.to(DType::i32), 0, 0.5); }, {"clip", "i32", "0.5"});
  expect_throw<DTypeError>([&] { clip(x.to(DType::boolean), 0, 1); }, {"clip", "bool"});
  expect_throw<DTypeError>([&] { hardtanh(x.to(DType::i32), -0.5, 1); }, {"hardtanh", "i32", "-0.5 .. 1"});
}

TEST(Activations, NameThemselvesInErrors) {
  const Tensor x = ones({2}), whole = x.to(DType::i32);
  const std::set<std::string> take_integers = {"step",     "relu",     "relu6",   "clip", "clip_above",
                                               "hardtanh", "softsign", "sigmoid", "tanh"};
  expect_throw<ValueError>([&] { hardtanh(x, 1, 1); }, {"hardtanh", "below high", "1 and 1"});
  expect_throw<ValueError>([&] { softplus(x, 0); }, {"softplus", "beta", "got 0"});
  for (const UnaryRow& row : kRows) {
    const std::string name = row.name;
    if (take_integers.contains(name)) continue;
    expect_throw<DTypeError>([&] { row.op(whole); }, {name.substr(0, name.find('_')), "i32"});
  }
}

// --- PReLU ---

TEST(Prelu, MultipliesBelowZeroByTheChannelsWeight) {
  const auto reference = [](const std::vector<NdArray>& in) {
    const NdArray& x = in[0];
    NdArray weight = in[1];
    if (weight.numel() == 1) {
      weight.shape = {};
    } else {
      weight.shape = Shape::filled(x.shape.rank() - 1, 1);
      weight.shape[0] = in[1].numel();
    }
    return reference::zip(x, weight, [](double v, double w) { return v > 0 ? v : v * w; });
  };
  const std::pair<Shape, Shape> shapes[] = {{{}, {1}},     {{7}, {1}},          {{0, 3}, {3}},
                                            {{5, 3}, {3}}, {{2, 3, 4, 5}, {3}}, {{2, 3, 4}, {1}},
                                            {{2, 1}, {}}};
  for (const auto& [x, weight] : shapes) {
    const double summed = static_cast<double>(x.product());
    check_case({.name = "prelu",
                .inputs = {{.shape = x, .low = -2, .high = 2, .kinks = {0}}, {.shape = weight}},
                .op = [](const std::vector<Tensor>& in) { return prelu(in[0], in[1]); },
                .reference = reference,
                .value = {.magnitude = 2},
                .gradient = {.terms = summed + 4, .roundings = 4 * std::sqrt(summed + 1), .magnitude = 2}});
  }
}

TEST(Prelu, HasTheSlopeOfTheWeightAtZero) {
  for (const Device device : devices()) {
    Tensor x = zeros({2, 2}, DType::f32, device).set_requires_grad();
    const Tensor weight = tensor({0.5F, -3}).to(device);
    prelu(x, weight).backward(ones({2, 2}, DType::f32, device));
    expect_same(x.grad(), NdArray({2, 2}, {0.5, -3, 0.5, -3}));
  }
}

TEST(Prelu, NamesShapesThatDoNotFit) {
  expect_throw<ShapeError>([] { prelu(ones({2, 3}), ones({2})); }, {"prelu", "[3]", "[2, 3]", "got [2]"});
  expect_throw<ShapeError>([] { prelu(ones({3}), ones({3})); }, {"prelu", "[1]"});
  expect_throw<DTypeError>([] { prelu(ones({2, 3}), ones({3}, DType::f64)); }, {"prelu", "f32", "f64"});
}

}  // namespace
}  // namespace dlengine::test
