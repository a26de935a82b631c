// Elementwise operations where types and special values matter: integers, promotion, NaN, infinities, kinks.
#include <cmath>
#include <cstdint>
#include <limits>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

template <typename T>
Tensor on(Device device, const std::vector<T>& values) {
  return from_vector(values, {static_cast<int64_t>(values.size())}, device);
}

TEST(Integers, AreComputedInTheirType) {
  for (const Device device : devices()) {
    for (const DType dtype : integer_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + to_string(device));
      const Tensor a = to_tensor(NdArray({4}, {7, 9, 100, 3}), dtype, device);
      const Tensor b = to_tensor(NdArray({4}, {2, 9, 7, 1}), dtype, device);
      EXPECT_EQ((a + b).dtype(), dtype);
      expect_same(a + b, {9, 18, 107, 4});
      expect_same(a - b, {5, 0, 93, 2});
      expect_same(a * b, {14, 81, dtype == DType::u8 ? 188.0 : 700.0, 3});  // 700 modulo 256 is 188
      expect_same(a / b, {3, 1, 14, 3});
      expect_same(maximum(a, b), {7, 9, 100, 3});
      expect_same(minimum(a, b), {2, 9, 7, 1});
      expect_same(square(b), {4, 81, 49, 1});
      expect_same(abs(a), {7, 9, 100, 3});
      expect_same(sign(a), {1, 1, 1, 1});
    }
  }
}

TEST(Integers, DivideTowardsZeroAndNeverTrap) {
  for (const Device device : devices()) {
    constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();
    const Tensor a = on<int32_t>(device, {7, -7, 7, -7, 5, 0, kLeast});
    const Tensor b = on<int32_t>(device, {2, 2, -2, -2, 0, 0, -1});
    expect_same(a / b, {3, -3, -3, 3, 0, 0, static_cast<double>(kLeast)});
  }
}

TEST(Integers, WrapAround) {
  for (const Device device : devices()) {
    const int32_t least = std::numeric_limits<int32_t>::min(), most = std::numeric_limits<int32_t>::max();
    const Tensor x = on<int32_t>(device, {least, most});
    expect_same(x - on<int32_t>(device, {1, -1}), {static_cast<double>(most), static_cast<double>(least)});
    expect_same(x * on<int32_t>(device, {-1, 2}), {static_cast<double>(least), -2});
    expect_same(abs(x), {static_cast<double>(least), static_cast<double>(most)});
  }
}

TEST(Integers, WrapAroundBesideNumbersToo) {
  for (const Device device : devices()) {
    const Tensor x = on<int32_t>(device, {1, 3});
    expect_same(x * 3e9, {-1294967296, 410065408});
    expect_same(x + 1e10, {1410065409, 1410065411});
    expect_same(on<uint8_t>(device, {0, 200}) - 1.0, {255, 199});
    EXPECT_EQ(name((x * 1e19).dtype()), "f32");  // no integer of 64 bits
  }
}

TEST(Quotient, OfANumberIsTheNearest) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      for (const double b : {3.0, 49.0, 255.0, -0.1, 0x1p-20, 0x1p120, 1e-39}) {
        const Tensor divisor = scalar(b, dtype, device);
        const Tensor x = concat({arange(0, 2000, 1, dtype, device), divisor.reshape({1})});
        EXPECT_EQ((x / b).to_vector<double>(), div(x, divisor).to_vector<double>()) << b;
      }
    }
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    expect_same(on<float>(device, {0, 3, -3}) / 0.0, {std::nan(""), kInfinity, -kInfinity});
  }
}

TEST(Integers, KeepSixtyFourBits) {
  for (const Device device : devices()) {
    const int64_t big = (int64_t{1} << 53) + 1;  // not a double
    const Tensor sum = on<int64_t>(device, {big}) + on<int64_t>(device, {2});
    EXPECT_EQ(sum.item<int64_t>(), big + 2);
  }
}

TEST(Promotion, FloatingBeatsIntegerBeatsBoolThenTheWiderWins) {
  const struct {
    DType a, b, result;
  } rows[] = {
      {DType::f16, DType::bf16, DType::f32},  {DType::f16, DType::f32, DType::f32},
      {DType::bf16, DType::f64, DType::f64},  {DType::i64, DType::f16, DType::f16},
      {DType::u8, DType::i32, DType::i32},    {DType::i32, DType::i64, DType::i64},
      {DType::boolean, DType::u8, DType::u8}, {DType::boolean, DType::f32, DType::f32},
  };
  for (const Device device : devices()) {
    for (const auto& [a, b, result] : rows) {
      SCOPED_TRACE(std::string(name(a)) + " + " + std::string(name(b)));
      const Tensor x = to_tensor(NdArray({2}, {0, 1}), a, device),
                   y = to_tensor(NdArray({2}, {2, 1}), b, device);
      EXPECT_EQ(name((x + y).dtype()), name(result));
      EXPECT_EQ(name((y + x).dtype()), name(result));
      expect_same(x + y, {2, 2});
      expect_same(y - x, {2, 0});
    }
  }
}

TEST(Promotion, SendsEachOperandAGradientOfItsOwnType) {
  for (const Device device : devices()) {
    Tensor a = to_tensor(NdArray({2}, {2, 3}), DType::f16, device);
    Tensor b = to_tensor(NdArray({2}, {5, 7}), DType::f32, device);
    a.set_requires_grad();
    b.set_requires_grad();
    (a * b).backward(to_tensor(NdArray({2}, {1, 1}), DType::f32, device));
    EXPECT_EQ(name(a.grad().dtype()), "f16");
    EXPECT_EQ(name(b.grad().dtype()), "f32");
    expect_same(a.grad(), {5, 7});
    expect_same(b.grad(), {2, 3});
  }
}

TEST(SpecialValues, FollowTheLimits) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + to_string(device));
      const auto x = [&](const std::vector<double>& values) {
        return to_tensor(NdArray({static_cast<int64_t>(values.size())}, values), dtype, device);
      };
      expect_same(exp(x({-INFINITY, INFINITY, NAN})), {0, INFINITY, NAN});
      expect_same(log(x({0, INFINITY, -1, NAN})), {-INFINITY, INFINITY, NAN, NAN});
      expect_same(sqrt(x({0, INFINITY, -1, NAN})), {0, INFINITY, NAN, NAN});
      expect_same(reciprocal(x({0, INFINITY, NAN})), {INFINITY, 0, NAN});
      expect_same(relu(x({NAN, -INFINITY, INFINITY})), {NAN, 0, INFINITY});
      expect_same(sigmoid(x({-1000, 1000, NAN})), {0, 1, NAN});
      expect_same(tanh(x({-1000, 1000, NAN})), {-1, 1, NAN});
      expect_same(abs(x({-INFINITY, NAN})), {INFINITY, NAN});
      expect_same(sign(x({-5, 0, 5})), {-1, 0, 1});
      expect_same(x({1, -1, 0}) / x({0, 0, 0}), {INFINITY, -INFINITY, NAN});
    }
  }
}

TEST(SpecialValues, AreFoundByTheQuestions) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x = to_tensor(NdArray({5}, {NAN, INFINITY, -INFINITY, 0, -7}), dtype, device);
      EXPECT_EQ(isnan(x).dtype(), DType::boolean);
      expect_same(isnan(x), {1, 0, 0, 0, 0});
      expect_same(isinf(x), {0, 1, 1, 0, 0});
      expect_same(isfinite(x), {0, 0, 0, 1, 1});
    }
    for (const DType dtype : {DType::u8, DType::i64, DType::boolean}) {
      const Tensor x = to_tensor(NdArray({2}, {0, 1}), dtype, device);
      expect_same(isnan(x), {0, 0});
      expect_same(isinf(x), {0, 0});
      expect_same(isfinite(x), {1, 1});
    }
  }
}

TEST(SpecialValues, RoundTakesTheEvenNeighbour) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x = to_tensor(NdArray({6}, {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}), dtype, device);
      expect_same(round(x), {-2, -2, -0.0, 0, 2, 2});
      expect_same(floor(x), {-3, -2, -1, 0, 1, 2});
      expect_same(ceil(x), {-2, -1, -0.0, 1, 2, 3});
      expect_same(floor(full({1}, NAN, dtype, device)), {NAN});
    }
  }
}

TEST(SpecialValues, NearZeroKeepTheirDigits) {
  for (const Device device : devices()) {
    const Tensor x = full({1}, 1e-6, DType::f32, device);
    EXPECT_NEAR(expm1(x).item<double>() / 1.0000005e-6, 1, 1e-6);
    EXPECT_NEAR(log1p(x).item<double>() / 0.9999995e-6, 1, 1e-6);
  }
}

TEST(SpecialValues, NanWinsInMaximumAndMinimum) {
  for (const Device device : devices()) {
    const Tensor a = tensor({NAN, 1, NAN}).to(device), b = tensor({1, NAN, NAN}).to(device);
    expect_same(maximum(a, b), {NAN, NAN, NAN});
    expect_same(minimum(a, b), {NAN, NAN, NAN});
  }
}

std::vector<double> gradient_at(Tensor (*op)(const Tensor&), Device device, double at, DType dtype) {
  Tensor x = full({3}, at, dtype, device);
  x.set_requires_grad();
  op(x).backward(ones({3}, dtype, device));
  return x.grad().to_vector<double>();
}

TEST(Kinks, HaveSlopeZeroInReluAndAbs) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      EXPECT_EQ(gradient_at(relu, device, 0, dtype), std::vector<double>(3, 0.0));
      EXPECT_EQ(gradient_at(abs, device, 0, dtype), std::vector<double>(3, 0.0));
      EXPECT_EQ(gradient_at(sign, device, 0, dtype), std::vector<double>(3, 0.0));
    }
  }
}

TEST(Kinks, EqualOperandsOfMaximumShareTheGradient) {
  for (const Device device : devices()) {
    using Op = Tensor (*)(const Tensor&, const Tensor&);
    for (const Op op : std::initializer_list<Op>{maximum, minimum}) {
      Tensor a = tensor({1, 2, 3}).to(device), b = tensor({1, 2, 3}).to(device);
      a.set_requires_grad();
      b.set_requires_grad();
      op(a, b).backward(tensor({2, 4, 6}).to(device));
      expect_same(a.grad(), {1, 2, 3});
      expect_same(b.grad(), {1, 2, 3});
    }
  }
}

TEST(Pow, IntegerExponentsOfNegativeNumbersAreExact) {
  for (const Device device : devices()) {
    const Tensor x = tensor({-2, -1, 0, 3}).to(device);
    expect_same(pow(x, 2), {4, 1, 0, 9});
    expect_same(pow(x, 3), {-8, -1, 0, 27});
    expect_same(pow(x, 1), {-2, -1, 0, 3});
    expect_same(pow(x, 0), {1, 1, 1, 1});
    expect_same(pow(tensor({-2, 0, -0.0, INFINITY}).to(device), -1), {-0.5, INFINITY, -INFINITY, 0});
    expect_same(pow(tensor({-1e30, 1e-30, NAN}).to(device), 3), {-INFINITY, 0, NAN});
    EXPECT_TRUE(std::isnan(pow(tensor({-1}).to(device), 0.5).item<double>()));
  }
}

TEST(Pow, OfWholeExponentsIsTheRoundedProduct) {
  for (const Device device : devices()) {
    const Tensor x = rand({1000}, -3, 3, DType::f32, device);
    std::vector<double> square, cube, reciprocal;
    for (const float value : x.to_vector<float>()) {
      square.push_back(value * value);
      cube.push_back(value * value * value);
      reciprocal.push_back(1 / value);
    }
    expect_same(pow(x, 2), square);
    expect_same(pow(x, 3), cube);
    expect_same(pow(x, -1), reciprocal);
  }
}

TEST(Pow, HasFiniteSlopesAtZero) {
  for (const Device device : devices()) {
    Tensor x = tensor({0, 0, 0}).to(device).set_requires_grad();
    Tensor exponent = tensor({0, 1, 2}).to(device).set_requires_grad();
    pow(x, exponent).backward(ones({3}, DType::f32, device));
    expect_same(x.grad(), {0, 1, 0});
    EXPECT_EQ(exponent.grad().to_vector<double>()[1], 0);
    EXPECT_EQ(exponent.grad().to_vector<double>()[2], 0);
  }
}

}  // namespace
}  // namespace dlengine::test
