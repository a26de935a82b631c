// References of convolution, pooling, normalisation, softmax and cross-entropy.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/reference.h"

namespace dlengine::test::reference {

int64_t places(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  int64_t count = 0;
  for (int64_t first = -padding; first + dilation * (kernel - 1) < size + padding; first += stride) ++count;
  return count;
}

namespace {

// Rows of x seen as [outer, size of the axis, inner].
struct AxisView {
  int64_t outer = 1, size = 1, inner = 1;
  AxisView(const Shape& shape, int axis) : size(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

// Calls f(values of the window, how many places of it are on the padded image) for each output pixel of a
// pooling.
template <typename F>
NdArray pool(const NdArray& x, Pool2dParams params, F&& f) {
  if (params.stride.h == 0) params.stride = params.kernel;
  const Size2 kernel = params.kernel, stride = params.stride, padding = params.padding;
  const int64_t height = x.shape[2], width = x.shape[3];
  NdArray y({x.shape[0], x.shape[1], places(height, kernel.h, stride.h, padding.h, 1),
             places(width, kernel.w, stride.w, padding.w, 1)});
  for_each_index(y.shape, [&](const Dims& at) {
    std::vector<double> window;
    for (int64_t r = 0; r < kernel.h; ++r) {
      for (int64_t s = 0; s < kernel.w; ++s) {
        const int64_t h = at[2] * stride.h - padding.h + r, w = at[3] * stride.w - padding.w + s;
        if (h >= 0 && h < height && w >= 0 && w < width) window.push_back(x.at(at[0], at[1], h, w));
      }
    }
    y.at(at) = f(window);
  });
  return y;
}

}  // namespace

NdArray conv2d(const NdArray& x, const NdArray& w, const NdArray& bias, const Conv2dParams& params) {
  const Size2 stride = params.stride, padding = params.padding, dilation = params.dilation;
  const int64_t height = x.shape[2], width = x.shape[3];
  const int64_t channels = w.shape[1], filters = w.shape[0] / params.groups;  // of one group
  NdArray y({x.shape[0], w.shape[0], places(height, w.shape[2], stride.h, padding.h, dilation.h),
             places(width, w.shape[3], stride.w, padding.w, dilation.w)});
  for_each_index(y.shape, [&](const Dims& at) {
    const int64_t filter = at[1], first_channel = filter / filters * channels;
    double sum = bias.numel() == 0 ? 0 : bias[filter];
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t r = 0; r < w.shape[2]; ++r) {
        for (int64_t s = 0; s < w.shape[3]; ++s) {
          const int64_t row = at[2] * stride.h - padding.h + r * dilation.h;
          const int64_t column = at[3] * stride.w - padding.w + s * dilation.w;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          sum += x.at(at[0], first_channel + c, row, column) * w.at(filter, c, r, s);
        }
      }
    }
    y.at(at) = sum;
  });
  return y;
}

NdArray max_pool2d(const NdArray& x, const Pool2dParams& params) {
  return pool(x, params, [](const std::vector<double>& window) { return fold_max(window); });
}

NdArray avg_pool2d(const NdArray& x, const Pool2dParams& params) {
  const auto whole = static_cast<double>(params.kernel.h * params.kernel.w);
  return pool(x, params, [&](const std::vector<double>& window) {
    return fold_sum(window) / (params.count_include_pad ? whole : static_cast<double>(window.size()));
  });
}

ChannelStatistics channel_statistics(const NdArray& x) {
  const AxisView view(x.shape, 1);
  const double n = static_cast<double>(view.outer * view.inner);
  ChannelStatistics result;
  for (int64_t c = 0; c < view.size; ++c) {
    double sum = 0, squares = 0;
    for (int64_t o = 0; o < view.outer; ++o) {
      for (int64_t i = 0; i < view.inner; ++i) sum += x[(o * view.size + c) * view.inner + i];
    }
    for (int64_t o = 0; o < view.outer; ++o) {
      for (int64_t i = 0; i < view.inner; ++i) {
        const double distance = x[(o * view.size + c) * view.inner + i] - sum / n;
        squares += distance * distance;
      }
    }
    result.mean.push_back(sum / n);
    result.variance.push_back(squares / n);
    result.unbiased_variance.push_back(squares / (n - 1));
  }
  return result;
}

NdArray normalize(const NdArray& x, const NdArray& weight, const NdArray& bias,
                  const std::vector<double>& mean, const std::vector<double>& variance, double eps) {
  const AxisView view(x.shape, 1);
  NdArray y(x.shape);
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto c = static_cast<size_t>(i / view.inner % view.size);
    const double normal = (x[i] - mean[c]) / std::sqrt(variance[c] + eps);
    y[i] = normal * weight.values[c] + bias.values[c];
  }
  return y;
}

NdArray batch_norm(const NdArray& x, const NdArray& weight, const NdArray& bias, double eps) {
  const ChannelStatistics statistics = channel_statistics(x);
  return normalize(x, weight, bias, statistics.mean, statistics.variance, eps);
}

NdArray log_softmax(const NdArray& x, int axis) {
  const AxisView view(x.shape, axis);
  NdArray y(x.shape);
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) {
      const auto at = [&](int64_t k) { return (o * view.size + k) * view.inner + i; };
      double largest = -std::numeric_limits<double>::infinity();
      for (int64_t k = 0; k < view.size; ++k) largest = std::max(largest, x[at(k)]);
      long double sum = 0;  // differences of results are taken, so its last digits count
      for (int64_t k = 0; k < view.size; ++k) sum += std::exp(x[at(k)] - largest);
      const long double log_sum = std::log(sum);
      for (int64_t k = 0; k < view.size; ++k) y[at(k)] = static_cast<double>(x[at(k)] - largest - log_sum);
    }
  }
  return y;
}

NdArray softmax(const NdArray& x, int axis) {
  return map(log_softmax(x, axis), [](double value) { return std::exp(value); });
}

NdArray cross_entropy(const NdArray& logits, const NdArray& target) {
  const NdArray logs = log_softmax(logits, 1);
  NdArray loss({logits.shape[0]});
  const int64_t classes = logits.shape[1];
  for (int64_t i = 0; i < logits.numel(); ++i) {
    if (target[i] != 0) loss[i / classes] -= target[i] * logs[i];
  }
  return loss;
}

NdArray one_hot(const NdArray& labels, int64_t classes) {
  Shape shape = labels.shape;
  shape.push_back(classes);
  NdArray y(shape);
  for (int64_t i = 0; i < labels.numel(); ++i) y[i * classes + static_cast<int64_t>(labels[i])] = 1;
  return y;
}

}  // namespace dlengine::test::reference
