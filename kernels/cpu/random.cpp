// Random numbers: element i is a function of the key and i, so threads and vectors change nothing.
#include <algorithm>

#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

namespace {

constexpr int kBlocks = 16;          // Philox blocks that are computed side by side
constexpr int kWords = 4 * kBlocks;  // words, and so elements, that they give

/// Words of the blocks first, first + 1, ...
inline void philox_words(const PhiloxKey& key, uint64_t first, uint32_t (&words)[kWords]) {
  for (int lane = 0; lane < kBlocks; ++lane) {
    const PhiloxBlock block = philox(key, first + uint64_t(lane));
    for (int word = 0; word < 4; ++word) words[4 * lane + word] = block.word[word];
  }
}

/// Launches body(begin, end) on ranges of elements that begin with a group of blocks; in parallel.
template <typename F>
void launch_groups(int64_t count, F body) {
  const int64_t groups = (count + kWords - 1) / kWords;
  launch_for(groups, kGrain / kWords, [count, body](int64_t begin, int64_t end) {
    body(begin * kWords, std::min(end * kWords, count));
  });
}

template <typename T>
DLENGINE_VECTORIZED void dropout_range(const PhiloxKey& key, double p, int64_t begin, int64_t end, const T* x,
                                       T* y) {
  using A = Accumulate<T>;
  const uint32_t threshold = dropout_threshold(p);
  const A scale = A(1 / (1 - p));
  for (int64_t i = begin; i < end; i += kWords) {
    uint32_t words[kWords];
    philox_words(key, uint64_t(i) / 4, words);
    const int64_t n = std::min<int64_t>(kWords, end - i);
    for (int64_t j = 0; j < n; ++j) y[i + j] = words[j] >= threshold ? T(A(x[i + j]) * scale) : T(A(0));
  }
}

template <typename T>
DLENGINE_VECTORIZED void uniform_range(const PhiloxKey& key, double low, double high, int64_t begin,
                                       int64_t end, T* y) {
  using A = Accumulate<T>;
  for (int64_t i = begin; i < end; i += kWords) {
    uint32_t words[kWords];
    philox_words(key, uint64_t(i) / 4, words);
    const int64_t n = std::min<int64_t>(kWords, end - i);
    for (int64_t j = 0; j < n; ++j) y[i + j] = uniform_value<T>(words[j], A(low), A(high));
  }
}

template <typename T>
void normal_range(const PhiloxKey& key, double mean, double deviation, int64_t begin, int64_t end, T* y) {
  using A = Accumulate<T>;
  for (int64_t i = begin; i < end; i += 4) {
    const PhiloxBlock block = philox(key, uint64_t(i) / 4);
    const NormalPair a = normal_from_bits(block.word[0], block.word[1]);
    const NormalPair b = normal_from_bits(block.word[2], block.word[3]);
    const float values[4] = {a.first, a.second, b.first, b.second};
    const int64_t n = std::min<int64_t>(4, end - i);
    for (int64_t j = 0; j < n; ++j) y[i + j] = T(A(mean) + A(deviation) * A(values[j]));
  }
}

}  // namespace

void CpuBackend::uniform(Tensor& y, double low, double high, const PhiloxKey& key) {
  visit_floating(y.dtype(), "uniform", [&]<typename T>(Type<T>) {
    T* out = y.data<T>();
    launch_groups(y.numel(),
                  [=](int64_t begin, int64_t end) { uniform_range(key.now(), low, high, begin, end, out); });
  });
}

void CpuBackend::normal(Tensor& y, double mean, double deviation, const PhiloxKey& key) {
  visit_floating(y.dtype(), "normal", [&]<typename T>(Type<T>) {
    T* out = y.data<T>();
    launch_groups(y.numel(), [=](int64_t begin, int64_t end) {
      normal_range(key.now(), mean, deviation, begin, end, out);
    });
  });
}

void CpuBackend::dropout(const Tensor& x, double p, const PhiloxKey& key, Tensor& y) {
  visit_floating(y.dtype(), "dropout", [&]<typename T>(Type<T>) {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    launch_groups(y.numel(),
                  [=](int64_t begin, int64_t end) { dropout_range(key.now(), p, begin, end, in, out); });
  });
}

}  // namespace dlengine
