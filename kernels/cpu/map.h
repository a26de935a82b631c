// y[i] = f(x0[i], x1[i], ...) for any number of tensors of one shape and any strides.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <utility>

#include "dlengine/core/tensor.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/strided.h"

namespace dlengine {

/// Elements that are worth a thread of their own in a loop that does little to each.
inline constexpr int64_t kGrain = 16384;

/// Launches run(at, n) for stretches of n elements along the innermost axis, which start at at[t] in tensor
/// t; in parallel.
template <int N, typename Run>
void launch_runs(const StridedWalk<N>& walk, Run run) {
  launch_for(walk.count, kGrain, [walk, run](int64_t begin, int64_t end) {
    const int64_t inner = walk.size[walk.rank - 1];
    while (begin < end) {
      int64_t at[N];
      walk.offsets(begin, at);
      const int64_t n = std::min(end - begin, inner - begin % inner);
      run(at, n);
      begin += n;
    }
  });
}

namespace detail {

/// An operand that is the same for the whole stretch.
template <typename T>
struct Repeated {
  T value;
  T operator[](int64_t) const { return value; }
};

/// An operand with some other step.
template <typename T>
struct Stepped {
  T* start;
  int64_t step;
  T& operator[](int64_t i) const { return start[i * step]; }
};

template <typename F, typename Y, typename... X>
void map_loop(const F& f, int64_t n, Y y, X... x) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]...);
}

/// Calls loop(reader...) with a reader for each operand, which is dense (step 1) or repeated (step 0), so
/// that the compiler sees the step and vectorises.
template <typename Loop>
void with_readers(const int64_t*, const Loop& loop) {
  loop();
}
template <typename Loop, typename T, typename... Rest>
void with_readers(const int64_t* steps, const Loop& loop, const T* x, const Rest*... rest) {
  const auto bind = [&](auto reader) {
    with_readers(
        steps + 1, [&](auto... others) { loop(reader, others...); }, rest...);
  };
  if (*steps == 0) {
    bind(Repeated<T>{*x});
  } else {
    bind(x);
  }
}

/// steps: of y and of each x, along the stretch.
template <typename F, typename R, typename... T, size_t... kIndex>
void map_run(const F& f, int64_t n, const int64_t* steps, std::index_sequence<kIndex...>, R* y,
             const T*... x) {
  const bool simple = steps[0] == 1 && ((steps[1 + kIndex] == 0 || steps[1 + kIndex] == 1) && ...);
  if (simple) {
    with_readers(
        steps + 1, [&](auto... readers) { map_loop(f, n, y, readers...); }, x...);
  } else {
    map_loop(f, n, Stepped<R>{y, steps[0]}, Stepped<const T>{x, steps[1 + kIndex]}...);
  }
}

template <typename R, typename... T, typename F, typename... X, size_t... kIndex>
void map_walk(const F& f, std::index_sequence<kIndex...> indices, Tensor& y, const X&... x) {
  constexpr int kTensors = 1 + sizeof...(X);
  const StridedWalk<kTensors> walk({&y, &x...}, WalkOrder::memory);
  if (walk.count == 0) return;
  std::array<int64_t, kTensors> steps;
  for (int t = 0; t < kTensors; ++t) steps[size_t(t)] = walk.stride[t][walk.rank - 1];
  R* const to = static_cast<R*>(y.raw());
  const std::tuple<const T*...> from{static_cast<const T*>(x.raw())...};
  if (walk.rank == 1) {
    return launch_for(walk.count, kGrain, [=](int64_t begin, int64_t end) {
      map_run(f, end - begin, steps.data(), indices, to + begin * steps[0],
              (std::get<kIndex>(from) + begin * steps[1 + kIndex])...);
    });
  }
  launch_runs(walk, [=](const int64_t* at, int64_t n) {
    map_run(f, n, steps.data(), indices, to + at[0], (std::get<kIndex>(from) + at[1 + kIndex])...);
  });
}

}  // namespace detail

/// Calls f(Type<U>{}) with the unsigned integer of the element's size: enough where elements are only moved.
template <typename F>
void visit_bits(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1: return f(Type<uint8_t>{});
    case 2: return f(Type<uint16_t>{});
    case 4: return f(Type<uint32_t>{});
    default: return f(Type<uint64_t>{});
  }
}

/// y = f(x...) where y's elements are read as R and each x's as T: map<R, T...>(f, y, x...). y and the x have
/// one shape and any strides (0 where broadcast). f is kept by a recording, so it holds no references.
template <typename R, typename... T, typename F, typename... X>
void map(const F& f, Tensor& y, const X&... x) {
  detail::map_walk<R, T...>(f, std::index_sequence_for<T...>{}, y, x...);
}

}  // namespace dlengine
