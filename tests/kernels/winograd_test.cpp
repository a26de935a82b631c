// Winograd convolutions on every instruction set of this CPU: each pass against float64 loops, the size of
// its errors, the same bits for any number of threads, and no write out of range.
#include "dlengine/kernels/cpu/winograd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dlengine/core/parallel.h"

namespace dlengine::winograd::test {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

struct Case {
  int64_t n, c, h, w, k;
  Size2 padding;

  ConvSizes sizes() const {
    const int64_t p = h + 2 * padding.h - 2, q = w + 2 * padding.w - 2;
    return {Shape{n, c, h, w}, Shape{k, c, 3, 3}, Shape{n, k, p, q}, {.padding = padding}};
  }
  std::string name() const {
    std::string text;
    for (const int64_t size : {n, c, h, w, k, padding.h, padding.w}) text += std::to_string(size) + " ";
    return text;
  }
};

const Case kCases[] = {
    {2, 16, 4, 4, 16, 1},         // one tile an image, and one panel that is narrow with AVX-512
    {3, 16, 3, 3, 32, 0},         // a single output
    {2, 32, 9, 7, 48, 0},         // tiles cut on both sides
    {1, 48, 5, 6, 80, 1},         //
    {2, 16, 1, 2, 16, 2},         // smaller than a filter
    {1, 16, 6, 11, 32, {2, 0}},   //
    {1, 64, 26, 26, 32, 0},       //
    {7, 32, 13, 10, 32, {0, 2}},  //
    {40, 16, 18, 18, 16, 1},      // many blocks of tiles
    {1, 208, 8, 8, 272, 1},       // many channels, few tiles
    {50, 128, 4, 4, 128, 1},      // a weight gradient on which all threads work together
};

Floats gaussian(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// --- The loops that judge ---

/// Calls f(index in x, index in the filters, index in y) for all products of a convolution.
template <typename F>
void for_each_product(const ConvSizes& z, const F& f) {
  for (int64_t y = 0; y < z.n * z.p * z.q; ++y) {
    const int64_t image = y / (z.p * z.q), row = y / z.q % z.p, column = y % z.q;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t i = row + tap / 3 - z.params.padding.h, j = column + tap % 3 - z.params.padding.w;
      if (i < 0 || i >= z.h || j < 0 || j >= z.w) continue;
      const int64_t x = ((image * z.h + i) * z.w + j) * z.c;
      for (int64_t k = 0; k < z.k; ++k) {
        for (int64_t c = 0; c < z.c; ++c) {
          f(size_t(x + c), size_t((k * z.c + c) * 9 + tap), size_t(y * z.k + k));
        }
      }
    }
  }
}

struct Data {
  ConvSizes z;
  Floats x, filters, bias, dy;
  Floats y;  // of a forward with relu

  explicit Data(const Case& shape)
      : z(shape.sizes()),
        x(gaussian(z.n * z.h * z.w * z.c, 1)),
        filters(gaussian(z.k * z.c * 9, 2)),
        bias(gaussian(z.k, 3)),
        dy(gaussian(z.n * z.p * z.q * z.k, 4)),
        y(gaussian(z.n * z.p * z.q * z.k, 5)) {
    for (float& value : y) value = std::max(value, 0.0f);
  }

  double counted(size_t i, bool gated) const { return gated && !(y[i] > 0) ? 0 : dy[i]; }

  Doubles expected_y() const {  // without bias or relu
    Doubles sums(y.size());
    for_each_product(z, [&](size_t a, size_t b, size_t c) { sums[c] += double{x[a]} * filters[b]; });
    return sums;
  }
  Doubles expected_dx(bool gated) const {
    Doubles sums(x.size());
    for_each_product(z, [&](size_t a, size_t b, size_t c) { sums[a] += counted(c, gated) * filters[b]; });
    return sums;
  }
  Doubles expected_dfilters(bool gated) const {
    Doubles sums(filters.size());
    for_each_product(z, [&](size_t a, size_t b, size_t c) { sums[b] += counted(c, gated) * x[a]; });
    return sums;
  }
  Doubles expected_dbias(bool gated) const {
    Doubles sums(bias.size());
    for (size_t i = 0; i < dy.size(); ++i) sums[i % size_t(z.k)] += counted(i, gated);
    return sums;
  }
};

struct Deviation {
  double rms, worst;  // relative to the rms of what was expected
};

Deviation deviation(const Floats& values, const Doubles& expected) {
  double squares = 0, size = 0, worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double error = std::isnan(values[i]) ? HUGE_VAL : values[i] - expected[i];
    squares += error * error;
    size += expected[i] * expected[i];
    worst = std::max(worst, std::abs(error));
  }
  const double scale = std::sqrt(size / double(values.size()));
  return {std::sqrt(squares / double(values.size())) / scale, worst / scale};
}

/// Looser than what Accuracy asks for, since a few outputs at the edges may be small beside their terms.
void expect_close(const Floats& values, const Doubles& expected, const std::string& what) {
  const auto [rms, worst] = deviation(values, expected);
  EXPECT_LE(rms, 2e-6) << what;
  EXPECT_LE(worst, 2e-5) << what;
}

// --- Running ---

/// Memory that is followed and preceded by floats of which none may be written.
class Guarded {
 public:
  explicit Guarded(size_t count, float fill = NAN) : count_(count), memory_(count + 2 * kGuard, kSentinel) {
    std::fill_n(data(), count, fill);
  }
  ~Guarded() {
    for (size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(memory_[i], kSentinel) << "written " << kGuard - i << " before the start";
      EXPECT_EQ(memory_[kGuard + count_ + i], kSentinel) << "written " << i << " after the end";
    }
  }
  float* data() { return memory_.data() + kGuard; }
  Floats values() { return {data(), data() + count_}; }

 private:
  static constexpr size_t kGuard = 67;  // which also leaves tensors unaligned
  static constexpr float kSentinel = 12345;
  size_t count_;
  Floats memory_;
};

/// Aligned memory with a guard after it.
class Workspace {
 public:
  explicit Workspace(size_t bytes) : guarded_(bytes / sizeof(float) + 16) {
    auto* begin = reinterpret_cast<char*>(guarded_.data());
    const size_t shift = (64 - reinterpret_cast<uintptr_t>(begin) % 64) % 64;
    aligned_ = begin + shift;
    rest_ = reinterpret_cast<float*>(begin + shift + bytes);
    std::fill_n(rest_, (64 - shift) / sizeof(float), 7.0f);
    rest_count_ = (64 - shift) / sizeof(float);
  }
  ~Workspace() {
    for (size_t i = 0; i < rest_count_; ++i) EXPECT_EQ(rest_[i], 7.0f) << "workspace overrun";
  }
  void* get() { return aligned_; }

 private:
  Guarded guarded_;
  void* aligned_;
  float* rest_;
  size_t rest_count_;
};

struct Setting {
  Isa isa = best_isa();
  int threads = 1;
};

Floats run_forward(const Data& data, bool biased, bool relu, const Setting& setting) {
  set_num_threads(setting.threads);
  Workspace workspace(workspace_bytes(ConvPass::forward, data.z, setting.threads));
  Workspace transformed(transformed_bytes(data.z));
  auto* const filters = static_cast<float*>(transformed.get());
  transform_filters(data.z, data.filters.data(), filters, setting.isa);
  Guarded y(data.y.size());
  forward(data.z, {data.x.data(), filters, biased ? data.bias.data() : nullptr, relu, y.data()},
          {workspace.get(), setting.threads, setting.isa});
  return y.values();
}

Floats run_grad_input(const Data& data, bool gated, const Setting& setting) {
  set_num_threads(setting.threads);
  Workspace workspace(workspace_bytes(ConvPass::grad_input, data.z, setting.threads));
  Guarded dx(data.x.size());
  grad_input(data.z, {data.dy.data(), gated ? data.y.data() : nullptr, data.filters.data(), dx.data()},
             {workspace.get(), setting.threads, setting.isa});
  return dx.values();
}

struct FilterGradient {
  Floats dfilters, dbias;
  friend bool operator==(const FilterGradient&, const FilterGradient&) = default;
};

FilterGradient run_grad_weight(const Data& data, bool gated, const Setting& setting) {
  set_num_threads(setting.threads);
  Workspace workspace(workspace_bytes(ConvPass::grad_weight, data.z, setting.threads));
  Guarded dfilters(data.filters.size()), dbias(data.bias.size());
  grad_weight(data.z,
              {data.dy.data(), gated ? data.y.data() : nullptr, data.x.data(), dfilters.data(), dbias.data()},
              {workspace.get(), setting.threads, setting.isa});
  return {dfilters.values(), dbias.values()};
}

class Winograd : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!has(GetParam())) GTEST_SKIP() << "this CPU lacks the instruction set";
  }
  void TearDown() override { set_num_threads(threads_); }

 private:
  int threads_ = num_threads();
};

TEST_P(Winograd, ForwardMatchesDouble) {
  for (const Case& shape : kCases) {
    const Data data(shape);
    const Doubles sums = data.expected_y();
    for (const bool biased : {false, true}) {
      for (const bool relu : {false, true}) {
        Doubles expected = sums;
        for (size_t i = 0; i < expected.size(); ++i) {
          if (biased) expected[i] += data.bias[i % size_t(data.z.k)];
          if (relu) expected[i] = std::max(expected[i], 0.0);
        }
        const std::string what = shape.name() + (biased ? "bias " : "") + (relu ? "relu" : "");
        expect_close(run_forward(data, biased, relu, {GetParam()}), expected, what);
      }
    }
  }
}

TEST_P(Winograd, GradInputMatchesDouble) {
  for (const Case& shape : kCases) {
    const Data data(shape);
    for (const bool gated : {false, true}) {
      expect_close(run_grad_input(data, gated, {GetParam()}), data.expected_dx(gated), shape.name());
    }
  }
}

TEST_P(Winograd, GradWeightMatchesDouble) {
  for (const Case& shape : kCases) {
    const Data data(shape);
    for (const bool gated : {false, true}) {
      const FilterGradient result = run_grad_weight(data, gated, {GetParam()});
      expect_close(result.dfilters, data.expected_dfilters(gated), shape.name());
      expect_close(result.dbias, data.expected_dbias(gated), shape.name() + "bias");
    }
  }
}

TEST_P(Winograd, ErrorsAreSmall) {
  const Data data({2, 256, 24, 24, 32, 1});
  const auto [rms, worst] = deviation(run_forward(data, false, false, {GetParam()}), data.expected_y());
  EXPECT_LE(rms, 1.1e-6);
  EXPECT_LE(worst, 8e-6);
}

TEST_P(Winograd, ThreadsChangeNoBit) {
  for (const Case& shape : kCases) {
    const Data data(shape);
    const Floats y = run_forward(data, true, true, {GetParam()}),
                 dx = run_grad_input(data, true, {GetParam()});
    const FilterGradient dw = run_grad_weight(data, true, {GetParam()});
    for (const int threads : {2, 3}) {
      const Setting setting{GetParam(), threads};
      EXPECT_EQ(run_forward(data, true, true, setting), y) << shape.name() << threads;
      EXPECT_EQ(run_grad_input(data, true, setting), dx) << shape.name() << threads;
      EXPECT_EQ(run_grad_weight(data, true, setting), dw) << shape.name() << threads;
    }
  }
}

TEST_P(Winograd, DbiasMayBeLeftOut) {
  const Data data(kCases[2]);
  Workspace workspace(workspace_bytes(ConvPass::grad_weight, data.z, 1));
  Guarded dfilters(data.filters.size());
  set_num_threads(1);
  grad_weight(data.z, {data.dy.data(), nullptr, data.x.data(), dfilters.data(), nullptr},
              {workspace.get(), 1, GetParam()});
  EXPECT_EQ(dfilters.values(), run_grad_weight(data, false, {GetParam()}).dfilters);
}

TEST_P(Winograd, NanPassesRelu) {
  Data data(kCases[0]);
  data.x[0] = NAN;
  EXPECT_TRUE(std::isnan(run_forward(data, true, true, {GetParam()})[0]));
}

INSTANTIATE_TEST_SUITE_P(All, Winograd, ::testing::Values(Isa::avx2, Isa::avx512),
                         [](const auto& test) { return test.param == Isa::avx2 ? "avx2" : "avx512"; });

TEST(WinogradFits, OnlyPlain3x3) {
  if (!has(Isa::avx2)) GTEST_SKIP() << "this CPU lacks AVX2";
  const Shape x{1, 32, 8, 8}, filters{16, 32, 3, 3}, y{1, 16, 8, 8};
  EXPECT_TRUE(fits({x, filters, y, {.padding = 1}}));
  EXPECT_FALSE(fits({x, filters, y, {.stride = {1, 2}, .padding = 1}}));
  EXPECT_FALSE(fits({x, filters, y, {.padding = {3, 1}}}));
  EXPECT_FALSE(fits({x, filters, y, {.padding = 1, .dilation = 2}}));
  EXPECT_FALSE(fits({x, Shape{16, 16, 3, 3}, y, {.padding = 1, .groups = 2}}));
  EXPECT_FALSE(fits({x, Shape{16, 32, 3, 1}, y, {.padding = 1}}));
  EXPECT_FALSE(fits({Shape{1, 24, 8, 8}, Shape{16, 24, 3, 3}, y, {.padding = 1}}));
  EXPECT_FALSE(fits({x, Shape{8, 32, 3, 3}, Shape{1, 8, 8, 8}, {.padding = 1}}));
}

}  // namespace
}  // namespace dlengine::winograd::test
