// The direct convolution of channels-last images against plain loops in f64: all passes, awkward sizes, both
// instruction sets; it writes nothing but its results, and the threads change no bit.
#include "dlengine/kernels/cpu/direct_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dlengine/core/parallel.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine::test {
namespace {

using direct::Isa;
using Floats = std::vector<float>;

struct Case {
  int64_t n, c, h, w, k, r, s;
  Conv2dParams params;

  ConvSizes sizes() const {
    const Shape x{n, c, h, w}, filters{k, c / params.groups, r, s};
    return {x, filters, conv2d_shape(x, filters, params), params};
  }
};

void PrintTo(const Case& z, std::ostream* out) {
  *out << z.n << 'x' << z.c << 'x' << z.h << 'x' << z.w << " to " << z.k << ", filters " << z.r << 'x' << z.s
       << ", strides " << z.params.stride.h << ' ' << z.params.stride.w << ", padding " << z.params.padding.h
       << ' ' << z.params.padding.w << ", dilation " << z.params.dilation.h << ' ' << z.params.dilation.w;
}

/// Values between two guards; a guard that was written fails the test.
class Guarded {
 public:
  explicit Guarded(int64_t count) : values_(size_t(count) + 2 * kGuard, kMark) {}
  ~Guarded() {
    const auto marks = std::count(values_.begin(), values_.begin() + kGuard, kMark) +
                       std::count(values_.end() - kGuard, values_.end(), kMark);
    EXPECT_EQ(marks, 2 * kGuard) << "something was written before or behind the values";
  }
  float* data() { return values_.data() + kGuard; }
  Floats values() const { return {values_.begin() + kGuard, values_.end() - kGuard}; }

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr float kMark = -77;
  Floats values_;
};

Floats normal(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = distribution(generator);
  return values;
}

/// A result, with what the magnitude of its terms sums up to.
struct Reference {
  std::vector<double> values, magnitudes;
  explicit Reference(int64_t count) : values(size_t(count)), magnitudes(size_t(count)) {}
  void add(int64_t at, double term) {
    values[size_t(at)] += term;
    magnitudes[size_t(at)] += std::abs(term);
  }
};

/// Rounding errors of sums in any order are at most eps * terms * the sum of magnitudes; the square root of
/// the terms is what they come to in practice.
void expect_near(const Reference& want, const Floats& got, int64_t terms, const char* what) {
  ASSERT_EQ(want.values.size(), got.size());
  const double relative = FLT_EPSILON * (2 + std::sqrt(double(terms)));
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(want.values[i] - double(got[i]));
    ASSERT_LE(error, relative * want.magnitudes[i])
        << what << '[' << i << "] is " << got[i] << ", not " << want.values[i];
  }
}

/// Calls f(position in x, in y, in the filters) for each multiplication.
template <typename F>
void for_each_product(const ConvSizes& z, const F& f) {
  for (int64_t n = 0; n < z.n; ++n)
    for (int64_t p = 0; p < z.p; ++p)
      for (int64_t q = 0; q < z.q; ++q)
        for (int64_t r = 0; r < z.r; ++r)
          for (int64_t s = 0; s < z.s; ++s) {
            const int64_t h = p * z.params.stride.h + r * z.params.dilation.h - z.params.padding.h;
            const int64_t w = q * z.params.stride.w + s * z.params.dilation.w - z.params.padding.w;
            if (h < 0 || h >= z.h || w < 0 || w >= z.w) continue;
            for (int64_t k = 0; k < z.k; ++k)
              for (int64_t c = 0; c < z.c; ++c)
                f(((n * z.h + h) * z.w + w) * z.c + c, ((n * z.p + p) * z.q + q) * z.k + k,
                  ((k * z.c + c) * z.r + r) * z.s + s);
          }
}

class Workspace {
 public:
  Workspace(ConvPass pass, const ConvSizes& sizes, direct::Run& run)
      : memory_(static_cast<int64_t>(direct::workspace_bytes(pass, sizes, run) / sizeof(float)) + 16) {
    void* start = memory_.data();
    size_t space = 64 + sizeof(float);
    run.workspace = std::align(64, 1, start, space);
  }

 private:
  Guarded memory_;
};

/// One convolution with operands for all of its passes.
struct Problem {
  ConvSizes z;
  Floats x, filters, bias, y, dy;

  explicit Problem(const ConvSizes& sizes)
      : z(sizes),
        x(normal(z.n * z.h * z.w * z.c, 1)),
        filters(normal(z.k * z.c * z.r * z.s, 2)),
        bias(normal(z.k, 3)),
        y(normal(z.n * z.p * z.q * z.k, 4)),
        dy(normal(z.n * z.p * z.q * z.k, 5)) {
    for (float& value : y) value = std::max(value, 0.0f);
  }

  Floats forward(direct::Run run, bool with_bias, bool relu) const {
    const Workspace workspace(ConvPass::forward, z, run);
    Guarded result(int64_t(y.size()));
    direct::forward(z, {x.data(), filters.data(), with_bias ? bias.data() : nullptr, relu, result.data()},
                    run);
    return result.values();
  }
  Floats grad_input(direct::Run run, bool masked) const {
    const Workspace workspace(ConvPass::grad_input, z, run);
    Guarded result(int64_t(x.size()));
    direct::grad_input(z, {dy.data(), masked ? y.data() : nullptr, filters.data(), result.data()}, run);
    return result.values();
  }
  /// The gradient of the bias follows that of the filters, if there is one.
  Floats grad_weight(direct::Run run, bool masked, bool with_bias) const {
    const Workspace workspace(ConvPass::grad_weight, z, run);
    Guarded result(int64_t(filters.size())), of_bias(z.k);
    direct::grad_weight(z,
                        {dy.data(), masked ? y.data() : nullptr, x.data(), result.data(),
                         with_bias ? of_bias.data() : nullptr},
                        run);
    Floats both = result.values();
    if (with_bias) both.insert(both.end(), of_bias.data(), of_bias.data() + z.k);
    return both;
  }
};

void check_forward(const Problem& problem, const direct::Run& run) {
  Reference want(int64_t(problem.y.size()));
  for (size_t i = 0; i < problem.y.size(); ++i) want.add(int64_t(i), problem.bias[i % size_t(problem.z.k)]);
  const Reference only_bias = want;
  for_each_product(problem.z, [&](int64_t x, int64_t y, int64_t f) {
    want.add(y, double(problem.x[size_t(x)]) * double(problem.filters[size_t(f)]));
  });
  const int64_t terms = problem.z.c * problem.z.r * problem.z.s + 1;
  expect_near(want, problem.forward(run, true, false), terms, "y");
  Reference positive = want, plain = want;
  for (double& value : positive.values) value = std::max(value, 0.0);
  expect_near(positive, problem.forward(run, true, true), terms, "relu(y)");
  for (size_t i = 0; i < plain.values.size(); ++i) plain.values[i] -= only_bias.values[i];
  expect_near(plain, problem.forward(run, false, false), terms, "y without bias");
}

void check_gradients(const Problem& problem, const direct::Run& run, bool masked) {
  const ConvSizes& z = problem.z;
  Floats dy = problem.dy;
  if (masked) {
    for (size_t i = 0; i < dy.size(); ++i) dy[i] = problem.y[i] > 0 ? dy[i] : 0;
  }
  Reference dx(int64_t(problem.x.size())), dw(int64_t(problem.filters.size()) + z.k);
  for_each_product(z, [&](int64_t x, int64_t y, int64_t f) {
    dx.add(x, double(dy[size_t(y)]) * double(problem.filters[size_t(f)]));
    dw.add(f, double(dy[size_t(y)]) * double(problem.x[size_t(x)]));
  });
  for (size_t i = 0; i < dy.size(); ++i) dw.add(int64_t(problem.filters.size() + i % size_t(z.k)), dy[i]);
  expect_near(dx, problem.grad_input(run, masked), z.k * z.r * z.s, "dx");
  expect_near(dw, problem.grad_weight(run, masked, true), z.n * z.p * z.q, "dw");
  const Floats with_bias = problem.grad_weight(run, masked, true),
               without = problem.grad_weight(run, masked, false);
  EXPECT_EQ(0, std::memcmp(with_bias.data(), without.data(), without.size() * sizeof(float)));
}

class DirectConv : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (direct::best_isa() < GetParam()) GTEST_SKIP() << "this CPU has no such instructions";
    set_num_threads(3);
  }
  void TearDown() override { set_num_threads(threads_); }

  static direct::Run run(int threads) {
    return {.workspace = nullptr, .threads = threads, .isa = GetParam()};
  }

  static void check(const Case& sizes) {
    SCOPED_TRACE(::testing::PrintToString(sizes));
    const Problem problem(sizes.sizes());
    check_forward(problem, run(1));
    check_gradients(problem, run(1), false);
    check_gradients(problem, run(1), true);
    for (const int threads : {2, 3}) {
      EXPECT_EQ(problem.forward(run(1), true, false), problem.forward(run(threads), true, false)) << threads;
      EXPECT_EQ(problem.grad_input(run(1), true), problem.grad_input(run(threads), true)) << threads;
      EXPECT_EQ(problem.grad_weight(run(1), true, true), problem.grad_weight(run(threads), true, true))
          << threads;
    }
  }

 private:
  int threads_ = num_threads();
};

TEST_P(DirectConv, EveryNumberOfChannels) {
  for (int64_t channels = 1; channels <= 20; ++channels) {
    check({2, channels, 7, 9, 21 - channels, 3, 3, {.padding = 1}});
    check({1, 3, 5, 6, channels, 2, 3, {}});
    check({1, channels, 6, 5, 5, 3, 2, {}});
  }
  check({1, 2, 6, 6, 33, 3, 3, {}});
  check({1, 2, 6, 6, 70, 3, 3, {}});
}

TEST_P(DirectConv, EveryWidthAroundTheVectors) {
  for (int64_t width = 1; width <= 35; ++width) {
    check({1, 2, 3, width, 3, 3, 3, {.padding = 1}});
    check({1, 3, 2, width, 16, 1, 1, {}});
    check({1, 1, 2, width, 34, 2, 1, {}});
  }
}

TEST_P(DirectConv, StridesPaddingsAndDilations) {
  check({2, 3, 13, 15, 18, 7, 7, {.stride = 2, .padding = 3}});
  check({1, 3, 11, 10, 6, 3, 3, {.stride = Size2(2, 3), .padding = Size2(0, 1)}});
  check({1, 6, 12, 9, 16, 3, 2, {.stride = Size2(1, 2), .dilation = Size2(2, 3)}});
  check({1, 2, 9, 12, 5, 2, 3, {.stride = 3, .padding = Size2(5, 4), .dilation = 2}});
  check({1, 4, 9, 8, 7, 1, 1, {.stride = 3}});
  check({1, 4, 9, 8, 17, 2, 2, {.stride = 4, .padding = 6}});
  check({2, 1, 1, 1, 1, 1, 1, {}});
  check({3, 3, 1, 1, 20, 3, 3, {.padding = 1}});
  check({1, 2, 2, 3, 4, 3, 3, {.padding = 7}});
  check({3, 6, 14, 13, 16, 5, 4, {.padding = Size2(1, 0)}});
  check({2, 5, 9, 11, 24, 4, 5, {.padding = Size2(0, 2)}});
}

TEST_P(DirectConv, LargeImagesGoInBands) {
  check({1, 3, 150, 140, 4, 3, 3, {.padding = 1}});
  check({1, 3, 96, 160, 33, 5, 3, {.stride = 2, .padding = 2}});
}

TEST_P(DirectConv, UsualNetworks) {
  check({5, 1, 28, 28, 32, 3, 3, {}});
  check({5, 1, 28, 28, 6, 5, 5, {.padding = 2}});
  check({20, 6, 14, 14, 16, 5, 5, {}});
  check({2, 3, 32, 32, 64, 3, 3, {.padding = 1}});
}

TEST_P(DirectConv, ReluKeepsNan) {
  for (const int64_t channels : {5, 18}) {
    Problem problem(Case{1, 2, 5, 6, channels, 3, 3, {.padding = 1}}.sizes());
    problem.x[20] = NAN;
    const Floats y = problem.forward(run(1), true, true);
    EXPECT_TRUE(std::any_of(y.begin(), y.end(), [](float value) { return std::isnan(value); })) << channels;
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, DirectConv, ::testing::Values(Isa::avx2, Isa::avx512), [](const auto& isa) {
  return isa.param == Isa::avx2 ? std::string("avx2") : std::string("avx512");
});

TEST(DirectConvFits, FewChannelsInOneGroup) {
  if (direct::best_isa() == Isa::none) GTEST_SKIP() << "this CPU has no such instructions";
  EXPECT_TRUE(direct::fits(Case{1, 3, 8, 8, 64, 3, 3, {}}.sizes()));
  EXPECT_TRUE(direct::fits(Case{1, 64, 8, 8, 10, 3, 3, {}}.sizes()));
  EXPECT_FALSE(direct::fits(Case{1, 64, 8, 8, 10, 1, 1, {}}.sizes()));
  EXPECT_FALSE(direct::fits(Case{1, 32, 8, 8, 64, 3, 3, {}}.sizes()));
  EXPECT_FALSE(direct::fits(Case{1, 4, 8, 8, 8, 3, 3, {.groups = 2}}.sizes()));
}

}  // namespace
}  // namespace dlengine::test
