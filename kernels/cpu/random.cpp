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

/// Channels-last images; elements are numbered in row-major order all the same.
struct DropoutImages {
  int64_t images, channels, pixels;
  double p;
  const float* x;
  float* y;
};

/// Groups of four pixels begin .. end - 1 of all images. Where four divides the pixels, the words of a block
/// belong to such a group of one channel, so 16 channels are computed side by side. Key and sizes come by
/// value: the compiler must see that writing y does not change them, to vectorise.
DLENGINE_VECTORIZED void dropout_groups(PhiloxKey key, DropoutImages s, int64_t begin, int64_t end) {
  const uint32_t threshold = dropout_threshold(s.p);
  const float scale = float(1 / (1 - s.p));
  const int64_t groups = s.pixels / 4;  // and blocks, of a channel
  for (int64_t group = begin; group < end; ++group) {
    const int64_t first = group / groups * s.channels * groups + group % groups;
    for (int64_t c = 0; c < s.channels; c += kBlocks) {
      uint32_t words[4][kBlocks];
      const auto start = uint64_t(first + c * groups);
      for (int lane = 0; lane < kBlocks; ++lane) {
        const PhiloxBlock block = philox(key, start + uint64_t(uint32_t(lane) * uint32_t(groups)));
        for (int word = 0; word < 4; ++word) words[word][lane] = block.word[word];
      }
      const int64_t n = std::min<int64_t>(kBlocks, s.channels - c);
      for (int64_t word = 0; word < 4; ++word) {
        const int64_t at = (4 * group + word) * s.channels + c;
        for (int64_t j = 0; j < n; ++j)
          s.y[at + j] = words[word][j] >= threshold ? s.x[at + j] * scale : 0.0f;
      }
    }
  }
}

/// Any number of pixels: channels begin .. end - 1 of all images, one after the other.
void dropout_channels(const PhiloxKey& key, const DropoutImages& s, int64_t begin, int64_t end) {
  const uint32_t threshold = dropout_threshold(s.p);
  const float scale = float(1 / (1 - s.p));
  for (int64_t channel = begin; channel < end; ++channel) {
    const int64_t start = channel / s.channels * s.channels * s.pixels + channel % s.channels;
    PhiloxBlock block = {};
    for (int64_t pixel = 0; pixel < s.pixels; ++pixel) {
      const int64_t element = channel * s.pixels + pixel, at = start + pixel * s.channels;
      if (pixel == 0 || element % 4 == 0) block = philox(key, uint64_t(element) / 4);
      s.y[at] = block.word[element % 4] >= threshold ? s.x[at] * scale : 0.0f;
    }
  }
}

void launch_dropout(const PhiloxKey& key, const DropoutImages& s) {
  const bool grouped = s.pixels % 4 == 0;
  const int64_t count = s.images * (grouped ? s.pixels / 4 : s.channels);
  const int64_t work = grouped ? 4 * s.channels : s.pixels;
  launch_for(count, std::max<int64_t>(1, kGrain / work), [=](int64_t begin, int64_t end) {
    grouped ? dropout_groups(key.now(), s, begin, end) : dropout_channels(key.now(), s, begin, end);
  });
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
  if (!x.is_contiguous()) {
    const Shape& shape = x.shape();
    return launch_dropout(key,
                          {shape[0], shape[1], shape[2] * shape[3], p, x.data<float>(), y.data<float>()});
  }
  visit_floating(y.dtype(), "dropout", [&]<typename T>(Type<T>) {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    launch_groups(y.numel(),
                  [=](int64_t begin, int64_t end) { dropout_range(key.now(), p, begin, end, in, out); });
  });
}

}  // namespace dlengine
