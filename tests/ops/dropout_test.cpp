// Dropout: its mask is a function of the generator's state alone.
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/dropout.h"
#include "dlengine/core/parallel.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"

namespace dlengine::test {
namespace {

TEST(Dropout, MatchesTheDefinitionInEveryTypeAndLayout) {
  for (const double p : {0.25, 0.5, 0.9}) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{4097}, Shape{3, 5, 2}}) {
      check_case({.name = "dropout",
                  .inputs = {{.shape = shape}},
                  .op =
                      [&](const std::vector<Tensor>& in) {
                        Generator generator(11);
                        return dropout(in[0], p, generator);
                      },
                  .reference =
                      [&](const std::vector<NdArray>& in) {
                        const PhiloxKey key = Generator(11).next_key();
                        NdArray y = in[0];
                        for (int64_t i = 0; i < y.numel(); ++i) {
                          const bool kept = philox_word(key, static_cast<uint64_t>(i)) >= p * 0x1p32;
                          y[i] = kept ? y[i] / (1 - p) : 0;
                        }
                        return y;
                      },
                  .elementwise = true});
    }
  }
}

TEST(Dropout, DropsTheShareThatWasAskedFor) {
  for (const Device device : devices()) {
    for (const double p : {0.1, 0.25, 0.5, 0.75}) {
      constexpr int64_t n = 100'000;
      Generator generator(1);
      const auto y = dropout(ones({n}, DType::f32, device), p, generator).to_vector<double>();
      const auto dropped = static_cast<double>(std::count(y.begin(), y.end(), 0.0));
      EXPECT_NEAR(dropped / n, p, 5 * std::sqrt(p * (1 - p) / n));  // five standard deviations
    }
  }
}

TEST(Dropout, DrawsTheSameMaskAgainInBackward) {
  for (const Device device : devices()) {
    Tensor x = ones({1000}, DType::f32, device);
    x.set_requires_grad();
    Generator generator(2);
    const Tensor y = dropout(x, 0.5, generator);
    generator.next_key();  // what else is drawn in between does not matter
    y.backward(ones({1000}, DType::f32, device));
    EXPECT_EQ(x.grad().to_vector<double>(), y.to_vector<double>());
  }
}

TEST(Dropout, RepeatsWithTheSeedAndDiffersFromCallToCall) {
  for (const Device device : devices()) {
    const Tensor x = ones({1000}, DType::f32, device);
    Generator first(3), second(3);
    const auto a = dropout(x, 0.5, first).to_vector<float>();
    const auto b = dropout(x, 0.5, first).to_vector<float>();
    EXPECT_EQ(a, dropout(x, 0.5, second).to_vector<float>());
    EXPECT_EQ(b, dropout(x, 0.5, second).to_vector<float>());
    EXPECT_NE(a, b);
    EXPECT_EQ(
        a, dropout(ones({1000}), 0.5, *std::make_unique<Generator>(3)).to_vector<float>());  // as on the CPU
  }
}

TEST(Dropout, DoesNotDependOnTheNumberOfThreads) {
  const int before = num_threads();
  const auto run = [](int threads) {
    set_num_threads(threads);
    Generator generator(4);
    return dropout(ones({100'003}), 0.5, generator).to_vector<float>();
  };
  EXPECT_EQ(run(1), run(2));
  set_num_threads(before);
}

TEST(Dropout, KeepsAllAtZeroAndNothingAtOne) {
  for (const Device device : devices()) {
    for (const double p : {0.0, 1.0}) {
      Tensor x = tensor({1, -2, 3}).to(device);
      x.set_requires_grad();
      const Tensor y = dropout(x, p);
      y.backward(ones({3}, DType::f32, device));
      p == 0 ? expect_same(y, {1, -2, 3}) : expect_same(y, {0, 0, 0});
      p == 0 ? expect_same(x.grad(), {1, 1, 1}) : expect_same(x.grad(), {0, 0, 0});
    }
  }
}

TEST(Dropout, RefusesSharesBeyondOneAndIntegers) {
  for (const Device device : devices()) {
    const Tensor x = zeros({3}, DType::f32, device);
    expect_throw<ValueError>([&] { dropout(x, 1.5); }, {"dropout", "1.5"});
    expect_throw<ValueError>([&] { dropout(x, -0.25); }, {"dropout", "-0.25"});
    expect_throw<ValueError>([&] { dropout(x, NAN); }, {"dropout", "nan"});
    expect_throw<DTypeError>([&] { dropout(x.to(DType::i64), 0.5); }, {"dropout", "i64"});
  }
}

}  // namespace
}  // namespace dlengine::test
