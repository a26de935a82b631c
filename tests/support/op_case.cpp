// Runs the rows of the operation tables.
#include "tests/support/op_case.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>
#include <random>

#include "tests/support/devices.h"
#include "tests/support/layout.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

// f(x - 2h) .. f(x + 2h) err by h^4 / 30 times the fifth derivative and by the rounding of f over h: below
// 1e-9 for results and derivatives of the size met here.
constexpr double kStep = 2e-4;
constexpr double kDifferenceError = 1e-9;
constexpr double kKinkDistance = 0.02;

NdArray draw(const Input& input, std::mt19937_64& rng) {
  NdArray x = random_array(input.shape, input.low, input.high, rng);
  if (input.distinct) {
    EXPECT_LE(x.numel(), 256) << "more distinct values than bf16 holds";
    const int64_t half = x.numel() / 2;
    std::iota(x.values.begin(), x.values.end(), -static_cast<double>(half));
    std::shuffle(x.values.begin(), x.values.end(), rng);
    for (double& value : x.values) value /= 32;
  }
  for (double& value : x.values) {
    if (input.step > 0) value = std::round(value / input.step) * input.step + input.offset;
    for (const double kink : input.kinks) {
      if (std::abs(value - kink) < kKinkDistance)
        value = kink + (value < kink ? -kKinkDistance : kKinkDistance);
    }
  }
  return x;
}

// Where each input lies in round r; five rounds mix all layouts of two inputs.
Layout layout_of(const Input& input, int round, int position) {
  const auto layout = static_cast<Layout>((round + round * position) % kLayouts);
  const bool repeat = layout == Layout::broadcast && (input.distinct || !input.repeatable);
  return repeat ? Layout::transposed : layout;
}

class Round {
 public:
  Round(const OpCase& row, Device device, DType dtype, const Layouts& layouts)
      : row_(row), device_(device), dtype_(dtype), cotangent_layout_(layouts.cotangent) {
    rng_.seed(std::hash<std::string>()(row.name) + static_cast<size_t>(layouts.inputs[0]) * 8 +
              static_cast<size_t>(dtype));
    for (size_t i = 0; i < row.inputs.size(); ++i) {
      const Layout layout = layouts.inputs[i];
      arrays_.push_back(with_layout(rounded(draw(row.inputs[i], rng_), dtype), layout));
      guarded_.emplace_back(arrays_.back(), dtype, device, layout);
      tensors_.push_back(guarded_.back().view());
      if (row.inputs[i].gradient) tensors_.back().set_requires_grad();
      layouts_ += std::string(" ") + std::string(name(layout));
    }
  }

  const std::string& layouts() const { return layouts_; }

  void check() {
    const Tensor y = row_.op(tensors_);
    const NdArray want = row_.reference(arrays_);
    expect_close(y, want, tolerance(y.dtype(), row_.value));
    for (const Input& input : row_.inputs) {
      if (input.gradient) {
        check_gradients(y, want);
        break;
      }
    }
    for (size_t i = 0; i < guarded_.size(); ++i) {
      EXPECT_TRUE(guarded_[i].untouched()) << "input " << i << ", or memory around it, was written";
    }
  }

 private:
  void check_gradients(const Tensor& y, const NdArray& want) {
    ASSERT_TRUE(y.requires_grad());
    cotangent_ = rounded(random_array(want.shape, -1, 1, rng_), y.dtype());
    const GuardedTensor dy(cotangent_, y.dtype(), device_, cotangent_layout_);
    y.backward(dy.view());
    EXPECT_TRUE(dy.untouched()) << "the gradient of the result, or memory around it, was written";
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (!row_.inputs[i].gradient) continue;
      SCOPED_TRACE("gradient of input " + std::to_string(i));
      const Tensor got = tensors_[i].grad();
      ASSERT_TRUE(got.defined());
      EXPECT_EQ(name(got.dtype()), name(dtype_));
      ASSERT_EQ(to_string(got.shape()), to_string(arrays_[i].shape));
      row_.elementwise ? check_slopes(i, to_ndarray(got)) : probe(i, to_ndarray(got));
    }
  }

  Tolerance gradient_tolerance() const {
    Tolerance result = tolerance(dtype_, row_.gradient);
    result.relative += kDifferenceError;
    result.absolute += kDifferenceError * std::max(1.0, row_.gradient.magnitude);
    return result;
  }

  // All slopes at once: every element of the input moves.
  void check_slopes(size_t i, const NdArray& got) {
    const auto moved = [&](double distance) {
      std::vector<NdArray> inputs = arrays_;
      for (double& value : inputs[i].values) value += distance;
      return row_.reference(inputs);
    };
    expect_close(got, reference::sum_to(slopes_of(moved), got.shape), gradient_tolerance());
  }

  // One element at a time: kProbes of them, or all if there are not more.
  void probe(size_t i, const NdArray& got) {
    std::vector<int64_t> positions(static_cast<size_t>(got.numel()));
    std::iota(positions.begin(), positions.end(), 0);
    std::shuffle(positions.begin(), positions.end(), rng_);
    positions.resize(std::min<size_t>(positions.size(), kProbes));

    std::vector<NdArray> inputs = arrays_;
    NdArray found({static_cast<int64_t>(positions.size())}), want(found.shape);
    for (size_t k = 0; k < positions.size(); ++k) {
      double& value = inputs[i].values[static_cast<size_t>(positions[k])];
      const double centre = value;
      const auto moved = [&](double distance) {
        value = centre + distance;
        return row_.reference(inputs);
      };
      const NdArray slopes = slopes_of(moved);
      value = centre;
      found.values[k] = got[positions[k]];
      want.values[k] = std::accumulate(slopes.values.begin(), slopes.values.end(), 0.0);
    }
    expect_close(found, want, gradient_tolerance());
  }

  // The slope of each element of the result, times its cotangent. Differences come before sums, which would
  // round away their digits.
  template <typename F>
  NdArray slopes_of(const F& moved) const {
    const NdArray a = moved(-2 * kStep), b = moved(-kStep), c = moved(kStep), d = moved(2 * kStep);
    NdArray slopes = cotangent_;
    for (int64_t k = 0; k < slopes.numel(); ++k)
      slopes[k] *= (a[k] - 8 * b[k] + 8 * c[k] - d[k]) / (12 * kStep);
    return slopes;
  }

  const OpCase& row_;
  Device device_;
  DType dtype_;
  Layout cotangent_layout_;
  std::mt19937_64 rng_;
  std::vector<NdArray> arrays_;
  std::vector<GuardedTensor> guarded_;
  std::vector<Tensor> tensors_;
  std::string layouts_;
  NdArray cotangent_;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const OpCase& row) {
  out << row.name;
  for (const Input& input : row.inputs) out << ' ' << to_string(input.shape);
  return out;
}

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) { return info.param.name; }

void check_case(const OpCase& row, const Layouts& layouts) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      Round current(row, device, dtype, layouts);
      SCOPED_TRACE(row.name + " " + to_string(device) + " " + std::string(name(dtype)) + current.layouts());
      current.check();
      if (::testing::Test::HasFailure()) return;  // one failure says it all
    }
  }
}

void check_case(const OpCase& row) {
  for (int round = 0; round < kLayouts; ++round) {
    Layouts layouts;
    for (size_t i = 0; i < row.inputs.size(); ++i) {
      layouts.inputs.push_back(layout_of(row.inputs[i], round, static_cast<int>(i)));
    }
    check_case(row, layouts);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace dlengine::test
