// Two passes over each channel: its mean, then the squares of what differs from it.
#include "dlengine/data/channel_statistics.h"

#include <cmath>

#include "dlengine/core/check.h"
#include "dlengine/core/parallel.h"

namespace dlengine {

namespace {

/// Mean of f(pixel) over a channel of x [N, C, pixels].
template <typename T, typename F>
double mean_of(const Tensor& x, int64_t channel, const F& f) {
  const int64_t channels = x.dim(1), pixels = x.dim(2);
  double total = 0;
  for (int64_t i = 0; i < x.dim(0); ++i) {
    const T* pixel = x.data<T>() + (i * channels + channel) * pixels;
    double sum = 0;
    for (int64_t j = 0; j < pixels; ++j) sum += f(static_cast<double>(pixel[j]));
    total += sum;
  }
  return total / static_cast<double>(x.dim(0) * pixels);
}

template <typename T>
ChannelStatistics statistics_of(const Tensor& x, double unit) {
  const auto channels = static_cast<size_t>(x.dim(1));
  ChannelStatistics all{std::vector<double>(channels), std::vector<double>(channels)};
  parallel_for(x.dim(1), 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const double mean = mean_of<T>(x, c, [](double pixel) { return pixel; });
      const double square =
          mean_of<T>(x, c, [mean](double pixel) { return (pixel - mean) * (pixel - mean); });
      all.mean[static_cast<size_t>(c)] = mean * unit;
      all.deviation[static_cast<size_t>(c)] = std::sqrt(square) * unit;
    }
  });
  return all;
}

}  // namespace

ChannelStatistics channel_statistics(const Tensor& x) {
  check<ShapeError>(x.rank() >= 2, "channel_statistics: need x [N, C, ...], got {}", x.shape());
  check<ValueError>(x.numel() > 0, "channel_statistics: {} has no pixels", x.shape());
  check<DTypeError>(x.dtype() == DType::u8 || is_floating(x.dtype()),
                    "channel_statistics: need u8 or a floating type, got {}", x.dtype());
  const Tensor pixels = x.detach().to(kCpu).contiguous().reshape({x.dim(0), x.dim(1), -1});
  if (x.dtype() == DType::u8) return statistics_of<uint8_t>(pixels, 1.0 / 255);
  return visit_floating(x.dtype(), "channel_statistics",
                        [&]<typename T>(Type<T>) { return statistics_of<T>(pixels, 1); });
}

}  // namespace dlengine
