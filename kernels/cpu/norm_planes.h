// Internal: batch norm where the pixels are innermost, one channel at a time. The variance is summed from
// differences to the mean (two passes), so it does not cancel.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dlengine/kernels/cpu/fold.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/norm.h"

namespace dlengine {

/// x [N, C, ...], row-major.
struct Planes : NormSizes {
  explicit Planes(const NormSizes& sizes) : NormSizes(sizes) {}

  int64_t start(int64_t image, int64_t channel) const { return (image * channels + channel) * length; }

  /// Launches f(channel) for all channels; in parallel.
  template <typename F>
  void launch_each(F f) const {
    launch_for(channels, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, values())),
               [f](int64_t begin, int64_t end) {
                 for (int64_t channel = begin; channel < end; ++channel) f(channel);
               });
  }
  /// Sum of term(i) over the elements i of a channel.
  template <typename A, typename Term>
  A sum(int64_t channel, const Term& term) const {
    constexpr int64_t kShort = 16;
    if (length < kShort) {
      return fold<SumFold, A>(0, images, [&](int64_t image) {
        const int64_t first = start(image, channel);
        A total = 0;
        for (int64_t i = first; i < first + length; ++i) total += term(i);
        return total;
      });
    }
    return fold<SumFold, A>(0, images, [&](int64_t image) {
      const int64_t first = start(image, channel);
      return fold<SumFold, A>(first, first + length, term);
    });
  }
  /// y[i] = f(i) for the elements i of a channel.
  template <typename T, typename F>
  void write(int64_t channel, T* y, const F& f) const {
    for (int64_t image = 0; image < images; ++image) {
      const int64_t first = start(image, channel);
      for (int64_t i = first; i < first + length; ++i) y[i] = T(f(i));
    }
  }
};

template <typename End, typename T>
void normalise_plane(const Planes& s, int64_t channel, const NormForward<T>& n,
                     const NormLine<Accumulate<T>>& line) {
  using A = Accumulate<T>;
  s.write(channel, n.y, [x = n.x, line](int64_t i) {
    return End::value(A(T((A(x[i]) - line.centre) * line.scale + line.shift)));
  });
}

template <typename End, typename T>
void launch_train_planes(const NormSizes& sizes, const NormForward<T>& n) {
  using A = Accumulate<T>;
  const Planes s(sizes);
  s.launch_each([s, n](int64_t c) {
    const A centre = s.sum<A>(c, [x = n.x](int64_t i) { return A(x[i]); }) / A(s.values());
    const A squares =
        s.sum<A>(c, [x = n.x, centre](int64_t i) { return (A(x[i]) - centre) * (A(x[i]) - centre); });
    n.store_statistics(c, s.values(), centre, squares);
    normalise_plane<End>(s, c, n, NormLine<A>::trained(n, c));
  });
}

template <typename End, typename T>
void launch_evaluate_planes(const NormSizes& sizes, const NormForward<T>& n) {
  const Planes s(sizes);
  s.launch_each([s, n](int64_t c) { normalise_plane<End>(s, c, n, NormLine<Accumulate<T>>::running(n, c)); });
}

template <typename End, typename T>
void launch_grad_planes(const NormSizes& sizes, const NormGrad<T>& n) {
  using A = Accumulate<T>;
  const Planes s(sizes);
  s.launch_each([s, n](int64_t c) {
    const A centre = n.mean[c];
    const auto g = [dy = n.dy, y = n.y](int64_t i) { return A(dy[i]) * End::slope(A(y[i])); };
    const A dot = s.sum<A>(c, [=, x = n.x](int64_t i) { return g(i) * (A(x[i]) - centre); });
    n.dbias[c] = s.sum<A>(c, g);
    n.dweight[c] = dot * n.inv_std[c];
    const NormGradLine<A> line(n, c, s.values());
    s.write(c, n.dx, [=, x = n.x](int64_t i) {
      return line.scale * (g(i) - line.mean_gradient - (A(x[i]) - line.centre) * line.slope);
    });
  });
}

}  // namespace dlengine
