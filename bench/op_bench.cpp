// Times single operations at the sizes of the MNIST networks, with Google Benchmark: op_bench
// [--benchmark_filter=REGEX].
#include <benchmark/benchmark.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/stream.h"

namespace dlengine::bench {

namespace {

const Device kDevice = Device::best();

/// Times y = f() without the tape.
template <typename F>
void time_forward(benchmark::State& state, F&& f) {
  const NoGrad no_grad;
  for (auto _ : state) {
    benchmark::DoNotOptimize(f());
    synchronize(kDevice);
  }
}

/// Times f() and the gradients of its leaves.
template <typename F>
void time_with_gradient(benchmark::State& state, F&& f) {
  const Tensor dy = ones_like(f());
  for (auto _ : state) {
    f().backward(dy);
    synchronize(kDevice);
  }
}

Tensor leaf(const Shape& shape) { return randn(shape, 0, 1, DType::f32, kDevice).set_requires_grad(); }

void count_elements(benchmark::State& state, const Tensor& x) {
  state.SetBytesProcessed(state.iterations() * x.numel() * 8);  // one read and one write of 4 bytes
}

void relu_forward(benchmark::State& state) {
  const Tensor x = leaf({64, 64, 24, 24});
  time_forward(state, [&] { return relu(x); });
  count_elements(state, x);
}

void dropout_forward(benchmark::State& state) {
  const Tensor x = leaf({64, 9216});
  time_forward(state, [&] { return dropout(x, 0.25); });
  count_elements(state, x);
}

void add_broadcast(benchmark::State& state) {
  const Tensor x = leaf({64, 64, 24, 24}), b = leaf({64, 1, 1});
  time_forward(state, [&] { return x + b; });
  count_elements(state, x);
}

void add_scalars(benchmark::State& state) {  // the cost of a call
  const Tensor a = leaf({1}), b = leaf({1});
  time_forward(state, [&] { return a + b; });
}

void add_scalars_with_gradient(benchmark::State& state) {
  const Tensor a = leaf({1}), b = leaf({1});
  time_with_gradient(state, [&] { return a + b; });
}

void sum_channels(benchmark::State& state) {
  const Tensor x = leaf({64, 64, 24, 24});
  time_forward(state, [&] { return sum(x, {.axes = {0, 2, 3}}); });
  state.SetBytesProcessed(state.iterations() * x.numel() * 4);
}

void linear_with_gradient(benchmark::State& state) {
  const Tensor x = leaf({64, 9216}), w = leaf({128, 9216}), b = leaf({128});
  time_with_gradient(state, [&] { return linear(x, w, b); });
  state.counters["flop/s"] =
      benchmark::Counter(6.0 * 64 * 9216 * 128, benchmark::Counter::kIsIterationInvariantRate);
}

void conv_with_gradient(benchmark::State& state) {
  const Tensor x = leaf({64, 32, 26, 26}), w = leaf({64, 32, 3, 3}), b = leaf({64});
  time_with_gradient(state, [&] { return conv2d(x, w, b); });
  const double flop = 6.0 * 64 * 64 * 24 * 24 * 32 * 9;
  state.counters["flop/s"] = benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
}

void max_pool_with_gradient(benchmark::State& state) {
  const Tensor x = leaf({64, 64, 24, 24});
  time_with_gradient(state, [&] { return max_pool2d(x, {.kernel = 2}); });
}

void batch_norm_with_gradient(benchmark::State& state) {
  const Tensor x = leaf({64, 64, 32, 32}), w = leaf({64}), b = leaf({64});
  time_with_gradient(state, [&] { return batch_norm(x, w, b, {}, {}); });
}

void cross_entropy_with_gradient(benchmark::State& state) {
  const Tensor x = leaf({128, 10}), labels = zeros({128}, DType::i64, kDevice);
  time_with_gradient(state, [&] { return cross_entropy(x, labels); });
}

BENCHMARK(relu_forward)->UseRealTime();
BENCHMARK(dropout_forward)->UseRealTime();
BENCHMARK(add_broadcast)->UseRealTime();
BENCHMARK(add_scalars)->UseRealTime();
BENCHMARK(add_scalars_with_gradient)->UseRealTime();
BENCHMARK(sum_channels)->UseRealTime();
BENCHMARK(linear_with_gradient)->UseRealTime();
BENCHMARK(conv_with_gradient)->UseRealTime();
BENCHMARK(max_pool_with_gradient)->UseRealTime();
BENCHMARK(batch_norm_with_gradient)->UseRealTime();
BENCHMARK(cross_entropy_with_gradient)->UseRealTime();

}  // namespace

}  // namespace dlengine::bench

BENCHMARK_MAIN();
