// Batch normalisation, one channel at a time. The variance is summed from differences to the mean (two
// passes), so it does not cancel.
#include <algorithm>
#include <cmath>

#include "dlengine/core/dtype.h"
#include "dlengine/core/parallel.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/fold.h"
#include "dlengine/kernels/cpu/map.h"

namespace dlengine {

namespace {

/// x [N, C, ...] as N images of C stretches of `length` elements.
struct Channels {
  int64_t images, channels, length;

  explicit Channels(const Shape& x) : images(x[0]), channels(x[1]), length(1) {
    for (int axis = 2; axis < x.rank(); ++axis) length *= x[axis];
  }
  int64_t values() const { return images * length; }  // of one channel
  int64_t start(int64_t image, int64_t channel) const { return (image * channels + channel) * length; }

  /// Calls f(channel); in parallel.
  template <typename F>
  void for_each(const F& f) const {
    parallel_for(channels, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, values())),
                 [&](int64_t begin, int64_t end) {
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

/// (x - mean) * scale + shift
template <typename T, typename A>
void normalise(const Channels& s, int64_t channel, const T* x, T* y, A mean, A scale, A shift) {
  s.write(channel, y, [=](int64_t i) { return (A(x[i]) - mean) * scale + shift; });
}

template <typename A>
void move_towards(const Tensor& running, int64_t channel, double momentum, A value) {
  A& old = running.data<A>()[channel];
  old = A(1 - momentum) * old + A(momentum) * value;
}

}  // namespace

void CpuBackend::batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                  BatchNormState& state, Tensor& y, Tensor& mean, Tensor& inv_std) {
  const Channels s(x.shape());
  visit_floating(x.dtype(), "batch_norm_train", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const A count = A(s.values());
    s.for_each([&](int64_t c) {
      const A centre = s.sum<A>(c, [=](int64_t i) { return A(in[i]); }) / count;
      const A squares = s.sum<A>(c, [=](int64_t i) { return (A(in[i]) - centre) * (A(in[i]) - centre); });
      const A inverse = A(1) / std::sqrt(squares / count + A(state.eps));
      mean.data<A>()[c] = centre;
      inv_std.data<A>()[c] = inverse;
      if (state.running_mean.defined() && s.values() > 0) {
        move_towards(state.running_mean, c, state.momentum, centre);
        move_towards(state.running_var, c, state.momentum, squares / std::max(count - A(1), A(1)));
      }
      normalise(s, c, in, out, centre, inverse * weight.data<A>()[c], bias.data<A>()[c]);
    });
  });
}

void CpuBackend::batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const BatchNormState& state, Tensor& y) {
  const Channels s(x.shape());
  visit_floating(x.dtype(), "batch_norm_eval", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    s.for_each([&](int64_t c) {
      const A inverse = A(1) / std::sqrt(state.running_var.data<A>()[c] + A(state.eps));
      normalise(s, c, x.data<T>(), y.data<T>(), state.running_mean.data<A>()[c],
                inverse * weight.data<A>()[c], bias.data<A>()[c]);
    });
  });
}

void CpuBackend::batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean,
                                 const Tensor& inv_std, const Tensor& dy, Tensor& dx, Tensor& dweight,
                                 Tensor& dbias) {
  const Channels s(x.shape());
  visit_floating(x.dtype(), "batch_norm_grad", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    const T *in = x.data<T>(), *gradient = dy.data<T>();
    const A count = A(s.values());
    s.for_each([&](int64_t c) {
      const A centre = mean.data<A>()[c], inverse = inv_std.data<A>()[c];
      const A sum = s.sum<A>(c, [=](int64_t i) { return A(gradient[i]); });
      const A dot = s.sum<A>(c, [=](int64_t i) { return A(gradient[i]) * (A(in[i]) - centre); }) * inverse;
      dbias.data<A>()[c] = sum;
      dweight.data<A>()[c] = dot;
      const A scale = weight.data<A>()[c] * inverse, mean_sum = sum / count, slope = dot * inverse / count;
      s.write(c, dx.data<T>(),
              [=](int64_t i) { return scale * (A(gradient[i]) - mean_sum - (A(in[i]) - centre) * slope); });
    });
  });
}

}  // namespace dlengine
