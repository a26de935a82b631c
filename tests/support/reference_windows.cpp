// References of volumes, transposed convolution, resizing and normalisation of samples.
#include <algorithm>
#include <cmath>

#include "tests/support/reference.h"

namespace dlengine::test::reference {
namespace {

// A place in a volume that a window at `at` (an output position) sees through tap `tap`.
Size3 seen(const Dims& at, const Dims& tap, const Conv3dParams& params) {
  return {at[2] * params.stride.d - params.padding.d + tap[0] * params.dilation.d,
          at[3] * params.stride.h - params.padding.h + tap[1] * params.dilation.h,
          at[4] * params.stride.w - params.padding.w + tap[2] * params.dilation.w};
}

bool inside(const Size3& place, const Shape& x) {
  return place.d >= 0 && place.h >= 0 && place.w >= 0 && place.d < x[2] && place.h < x[3] && place.w < x[4];
}

Shape volumes(const NdArray& x, int64_t channels, const Size3& kernel, const Conv3dParams& params) {
  const auto& [stride, padding, dilation, groups, activation] = params;
  return {x.shape[0], channels, places(x.shape[2], kernel.d, stride.d, padding.d, dilation.d),
          places(x.shape[3], kernel.h, stride.h, padding.h, dilation.h),
          places(x.shape[4], kernel.w, stride.w, padding.w, dilation.w)};
}

NdArray pool3d(const NdArray& x, const Pool3dParams& params, const Fold& fold) {
  const Size3 kernel = params.kernel, stride = params.stride.d == 0 ? kernel : params.stride;
  const Conv3dParams windows{.stride = stride, .padding = params.padding};
  NdArray y(volumes(x, x.shape[1], kernel, windows));
  for_each_index(y.shape, [&](const Dims& at) {
    std::vector<double> window;
    for_each_index({kernel.d, kernel.h, kernel.w}, [&](const Dims& tap) {
      const Size3 place = seen(at, tap, windows);
      if (inside(place, x.shape)) window.push_back(x.at({at[0], at[1], place.d, place.h, place.w}));
    });
    y.at(at) = fold(window);
  });
  return y;
}

}  // namespace

NdArray conv3d(const NdArray& x, const NdArray& w, const NdArray& bias, const Conv3dParams& params) {
  const int64_t channels = w.shape[1], filters = w.shape[0] / params.groups;  // of one group
  NdArray y(volumes(x, w.shape[0], {w.shape[2], w.shape[3], w.shape[4]}, params));
  for_each_index(y.shape, [&](const Dims& at) {
    const int64_t filter = at[1], first = filter / filters * channels;
    double sum = bias.numel() == 0 ? 0 : bias[filter];
    for_each_index({w.shape[2], w.shape[3], w.shape[4]}, [&](const Dims& tap) {
      const Size3 place = seen(at, tap, params);
      if (!inside(place, x.shape)) return;
      for (int64_t c = 0; c < channels; ++c) {
        sum +=
            x.at({at[0], first + c, place.d, place.h, place.w}) * w.at({filter, c, tap[0], tap[1], tap[2]});
      }
    });
    y.at(at) = sum;
  });
  return y;
}

NdArray conv_transpose2d(const NdArray& x, const NdArray& w, const NdArray& bias,
                         const ConvTranspose2dParams& params) {
  const auto& [stride, padding, more, dilation, groups] = params;
  const int64_t channels = w.shape[0] / groups, filters = w.shape[1];  // of one group
  // What the taps of the last pixel reach, without what is cut off on both sides.
  NdArray y({x.shape[0], filters * groups,
             (x.shape[2] - 1) * stride.h + (w.shape[2] - 1) * dilation.h + 1 + more.h - 2 * padding.h,
             (x.shape[3] - 1) * stride.w + (w.shape[3] - 1) * dilation.w + 1 + more.w - 2 * padding.w});
  if (bias.numel() > 0) for_each_index(y.shape, [&](const Dims& at) { y.at(at) = bias[at[1]]; });
  for_each_index(x.shape, [&](const Dims& at) {
    for_each_index({filters, w.shape[2], w.shape[3]}, [&](const Dims& tap) {
      const int64_t row = at[2] * params.stride.h + tap[1] * params.dilation.h - params.padding.h;
      const int64_t column = at[3] * params.stride.w + tap[2] * params.dilation.w - params.padding.w;
      if (row < 0 || row >= y.shape[2] || column < 0 || column >= y.shape[3]) return;
      y.at(at[0], at[1] / channels * filters + tap[0], row, column) +=
          x.at(at) * w.at(at[1], tap[0], tap[1], tap[2]);
    });
  });
  return y;
}

NdArray max_pool3d(const NdArray& x, const Pool3dParams& params) { return pool3d(x, params, fold_max); }

NdArray avg_pool3d(const NdArray& x, const Pool3dParams& params) {
  const auto whole = static_cast<double>(params.kernel.d * params.kernel.h * params.kernel.w);
  return pool3d(x, params, [&](const std::vector<double>& window) {
    return fold_sum(window) / (params.count_include_pad ? whole : static_cast<double>(window.size()));
  });
}

NdArray adaptive_avg_pool2d(const NdArray& x, Size2 size) {
  NdArray y({x.shape[0], x.shape[1], size.h, size.w});
  // Pixel p belongs to part i of n if [p, p + 1) and [i, i + 1) * size / n have more than a point in common.
  const auto belongs = [](int64_t p, int64_t i, int64_t n, int64_t length) {
    return p * n < (i + 1) * length && i * length < (p + 1) * n;
  };
  for_each_index(y.shape, [&](const Dims& at) {
    std::vector<double> window;
    for (int64_t h = 0; h < x.shape[2]; ++h) {
      for (int64_t w = 0; w < x.shape[3]; ++w) {
        if (belongs(h, at[2], size.h, x.shape[2]) && belongs(w, at[3], size.w, x.shape[3])) {
          window.push_back(x.at(at[0], at[1], h, w));
        }
      }
    }
    y.at(at) = fold_mean(window);
  });
  return y;
}

NdArray interpolate(const NdArray& x, const InterpolateParams& params) {
  const Size2 from = {x.shape[2], x.shape[3]};
  const auto scaled = [&](int64_t size) {
    return static_cast<int64_t>(std::floor(static_cast<double>(size) * params.scale_factor));
  };
  const Size2 to = params.size.h > 0 ? params.size : Size2(scaled(from.h), scaled(from.w));
  // How much of pixel j is in pixel i of the result, along one axis.
  const auto share = [&](int64_t j, int64_t i, int64_t source, int64_t result) {
    const double ratio = params.scale_factor > 0 ? 1 / params.scale_factor
                                                 : static_cast<double>(source) / static_cast<double>(result);
    if (params.mode == InterpolateMode::nearest) {
      const double exact = static_cast<double>(i) * ratio;
      return static_cast<double>(j == std::min(static_cast<int64_t>(exact + 1e-9), source - 1));
    }
    double place = (static_cast<double>(i) + 0.5) * ratio - 0.5;
    if (params.align_corners) {
      place = result == 1 ? 0 : static_cast<double>(i * (source - 1)) / static_cast<double>(result - 1);
    }
    place = std::clamp(place, 0.0, static_cast<double>(source - 1));
    return std::max(0.0, 1 - std::abs(place - static_cast<double>(j)));
  };
  NdArray y({x.shape[0], x.shape[1], to.h, to.w});
  for_each_index(y.shape, [&](const Dims& at) {
    double sum = 0;
    for (int64_t h = 0; h < from.h; ++h) {
      for (int64_t w = 0; w < from.w; ++w) {
        sum += x.at(at[0], at[1], h, w) * share(h, at[2], from.h, to.h) * share(w, at[3], from.w, to.w);
      }
    }
    y.at(at) = sum;
  });
  return y;
}

NdArray standardized(const NdArray& x, int64_t rows, double eps) {
  NdArray one = x;
  one.shape = {1, rows, rows == 0 ? 0 : x.numel() / rows};
  const std::vector<double> ones(static_cast<size_t>(rows), 1), zeros(static_cast<size_t>(rows), 0);
  NdArray y = batch_norm(one, NdArray({rows}, ones), NdArray({rows}, zeros), eps);
  y.shape = x.shape;
  return y;
}

}  // namespace dlengine::test::reference
