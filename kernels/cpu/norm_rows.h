// Internal: batch norm where the channels are innermost, as in channels-last images and in features [N, C].
//
// Memory sets the speed, so the statistics of a batch take one pass over it: of each chunk, while it is in
// the cache, the mean and then the squared distances to it are summed; these are then combined (Chan, Golub
// and LeVeque, 1979). How x is cut depends on its shape alone, so the number of threads changes no bit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "dlengine/core/parallel.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/norm.h"
#include "dlengine/kernels/cpu/scratch.h"

namespace dlengine {

/// Rows of C channels. Loops take `width` elements at a time, enough whole rows for full vectors.
struct Rows {
  static constexpr int64_t kBlock = 16;

  int64_t rows, channels, width;
  int64_t chunk_rows, chunks;

  explicit Rows(const NormSizes& s) : rows(s.values()), channels(s.channels) {
    constexpr int64_t kVector = 16, kWide = 4 * kVector, kChunk = 8192;
    const int64_t unit = channels >= kWide ? channels : std::lcm(channels, kVector);
    width = (kWide + unit - 1) / unit * unit;
    chunk_rows = (std::max(kChunk / channels, kVector) + kVector - 1) / kVector * kVector;
    chunks = (rows + chunk_rows - 1) / chunk_rows;
  }

  int64_t rows_of(int64_t chunk) const { return std::min(chunk_rows, rows - chunk * chunk_rows); }

  /// Calls f(chunk, its first element, its number of elements, buffer of `tiles` * width) for all chunks; in
  /// parallel.
  template <typename A, typename F>
  void for_each_chunk(int64_t tiles, const F& f) const {
    const int64_t elements = chunk_rows * channels;
    parallel_for(chunks, std::max<int64_t>(1, kGrain / elements), [&](int64_t begin, int64_t end) {
      const Scratch buffer(size_t(tiles * width) * sizeof(A));
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        f(chunk, chunk * elements, rows_of(chunk) * channels, buffer.as<A>());
      }
    });
  }
  /// Calls f(first channel, channels) for blocks of at most kBlock channels; in parallel.
  template <typename F>
  void for_each_block(const F& f) const {
    const int64_t blocks = (channels + kBlock - 1) / kBlock;
    parallel_for(blocks, std::max<int64_t>(1, kGrain / (kBlock * (chunks + 1))),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t c = begin * kBlock; c < std::min(end * kBlock, channels); c += kBlock) {
                     f(c, std::min(kBlock, channels - c));
                   }
                 });
  }
  /// tile[i] = the value of element i's channel, from the first row.
  template <typename A>
  void repeat(A* tile) const {
    for (int64_t i = channels; i < width; ++i) tile[i] = tile[i - channels];
  }
  /// total[c] = sum of the elements of tile that belong to channel c.
  template <typename A>
  void fold(const A* tile, A* total) const {
    std::copy_n(tile, channels, total);
    for (int64_t i = channels; i < width; i += channels) {
      for (int64_t c = 0; c < channels; ++c) total[c] += tile[i + c];
    }
  }
};

// --- Loops over the n elements of a chunk; tiles are `width` long ---

/// sums += x
template <typename T, typename A>
DLENGINE_VECTORIZED void add_values(const T* x, int64_t n, int64_t width, A* __restrict sums) {
  for (int64_t i = 0; i < n; i += width) {
    const int64_t count = std::min(width, n - i);
    for (int64_t j = 0; j < count; ++j) sums[j] += A(x[i + j]);
  }
}

/// sums += (x - centre)^2
template <typename T, typename A>
DLENGINE_VECTORIZED void add_squares(const T* x, int64_t n, int64_t width, const A* centre,
                                     A* __restrict sums) {
  for (int64_t i = 0; i < n; i += width) {
    const int64_t count = std::min(width, n - i);
    for (int64_t j = 0; j < count; ++j) {
      const A distance = A(x[i + j]) - centre[j];
      sums[j] += distance * distance;
    }
  }
}

/// y = end((x - centre) * scale + shift); line: the tiles of centre, scale and shift.
template <typename End, typename T, typename A>
DLENGINE_VECTORIZED void normalise(const T* x, int64_t n, int64_t width, const A* line, T* __restrict y) {
  const A *centre = line, *scale = line + width, *shift = line + 2 * width;
  for (int64_t i = 0; i < n; i += width) {
    const int64_t count = std::min(width, n - i);
    for (int64_t j = 0; j < count; ++j) {
      const T value = T((A(x[i + j]) - centre[j]) * scale[j] + shift[j]);
      y[i + j] = T(End::value(A(value)));
    }
  }
}

/// Where the elements of a chunk are; y may be any where End's slope does not read it.
template <typename T>
struct NormGradChunk {
  const T *x, *y, *dy;
  int64_t n, width;
};

/// sums += g, sums + width += g * (x - centre)
template <typename End, typename T, typename A>
DLENGINE_VECTORIZED void add_gradients(const NormGradChunk<T>& chunk, const A* centre, A* __restrict sums) {
  const auto [x, y, dy, n, width] = chunk;
  for (int64_t i = 0; i < n; i += width) {
    const int64_t count = std::min(width, n - i);
    for (int64_t j = 0; j < count; ++j) {
      const A g = A(dy[i + j]) * End::slope(A(y[i + j]));
      sums[j] += g;
      sums[width + j] += g * (A(x[i + j]) - centre[j]);
    }
  }
}

/// line: the tiles of centre, scale, mean_gradient and slope.
template <typename End, typename T, typename A>
DLENGINE_VECTORIZED void input_gradient(const NormGradChunk<T>& chunk, const A* line, T* __restrict dx) {
  const auto [x, y, dy, n, width] = chunk;
  const A *centre = line, *scale = line + width, *mean = line + 2 * width, *slope = line + 3 * width;
  for (int64_t i = 0; i < n; i += width) {
    const int64_t count = std::min(width, n - i);
    for (int64_t j = 0; j < count; ++j) {
      const A g = A(dy[i + j]) * End::slope(A(y[i + j]));
      dx[i + j] = T(scale[j] * (g - mean[j] - (A(x[i + j]) - centre[j]) * slope[j]));
    }
  }
}

// --- Operations ---

/// Statistics of the batch from those of the chunks: their means, and then their sums of squared distances.
template <typename T, typename A>
void combine_statistics(const Rows& s, const NormForward<T>& n, const A* parts) {
  s.for_each_block([&](int64_t first, int64_t count) {
    double centre[Rows::kBlock] = {}, squares[Rows::kBlock] = {};
    for (int64_t k = 0; k < s.chunks; ++k) {
      const A* means = parts + 2 * k * s.channels + first;
      const double share = double(s.rows_of(k)) / double(s.rows);
      for (int64_t c = 0; c < count; ++c) centre[c] += share * double(means[c]);
    }
    for (int64_t k = 0; k < s.chunks; ++k) {
      const A *means = parts + 2 * k * s.channels + first, *sums = means + s.channels;
      for (int64_t c = 0; c < count; ++c) {
        const double distance = double(means[c]) - centre[c];
        squares[c] += double(sums[c]) + double(s.rows_of(k)) * distance * distance;
      }
    }
    for (int64_t c = 0; c < count; ++c) n.store_statistics(first + c, s.rows, A(centre[c]), A(squares[c]));
  });
}

/// y from the line of each channel.
template <typename End, typename T, typename F>
void normalise_rows(const Rows& s, const NormForward<T>& n, Accumulate<T>* line, const F& line_of) {
  for (int64_t c = 0; c < s.channels; ++c) {
    const NormLine<Accumulate<T>> at = line_of(n, c);
    line[c] = at.centre;
    line[s.width + c] = at.scale;
    line[2 * s.width + c] = at.shift;
  }
  for (int tile = 0; tile < 3; ++tile) s.repeat(line + tile * s.width);
  s.for_each_chunk<Accumulate<T>>(0, [&](int64_t, int64_t first, int64_t count, Accumulate<T>*) {
    normalise<End>(n.x + first, count, s.width, line, n.y + first);
  });
}

template <typename End, typename T>
void launch_train_rows(const NormSizes& sizes, const NormForward<T>& n) {
  using A = Accumulate<T>;
  const Rows s(sizes);
  const Scratch parts_memory(size_t(2 * s.chunks * s.channels) * sizeof(A));
  const Scratch line_memory(size_t(3 * s.width) * sizeof(A));
  launch([s, n, parts = parts_memory.as<A>(), line = line_memory.as<A>()] {
    s.for_each_chunk<A>(2, [&](int64_t chunk, int64_t first, int64_t count, A* buffer) {
      A *means = parts + 2 * chunk * s.channels, *sums = buffer, *centre = buffer + s.width;
      std::fill_n(sums, s.width, A(0));
      add_values(n.x + first, count, s.width, sums);
      s.fold(sums, means);
      for (int64_t c = 0; c < s.channels; ++c) means[c] /= A(s.rows_of(chunk));
      std::copy_n(means, s.channels, centre);
      s.repeat(centre);
      std::fill_n(sums, s.width, A(0));
      add_squares(n.x + first, count, s.width, centre, sums);
      s.fold(sums, means + s.channels);
    });
    combine_statistics(s, n, parts);
    normalise_rows<End>(s, n, line,
                        [](const auto& forward, int64_t c) { return NormLine<A>::trained(forward, c); });
  });
}

template <typename End, typename T>
void launch_evaluate_rows(const NormSizes& sizes, const NormForward<T>& n) {
  using A = Accumulate<T>;
  const Rows s(sizes);
  const Scratch line_memory(size_t(3 * s.width) * sizeof(A));
  launch([s, n, line = line_memory.as<A>()] {
    normalise_rows<End>(s, n, line,
                        [](const auto& forward, int64_t c) { return NormLine<A>::running(forward, c); });
  });
}

/// dweight and dbias from the sums of the chunks.
template <typename T, typename A>
void combine_gradients(const Rows& s, const NormGrad<T>& n, const A* parts) {
  s.for_each_block([&](int64_t first, int64_t count) {
    double sum[Rows::kBlock] = {}, dot[Rows::kBlock] = {};
    for (int64_t k = 0; k < s.chunks; ++k) {
      const A *sums = parts + 2 * k * s.channels + first, *dots = sums + s.channels;
      for (int64_t c = 0; c < count; ++c) {
        sum[c] += double(sums[c]);
        dot[c] += double(dots[c]);
      }
    }
    for (int64_t c = 0; c < count; ++c) {
      n.dbias[first + c] = A(sum[c]);
      n.dweight[first + c] = A(dot[c]) * n.inv_std[first + c];
    }
  });
}

/// The tiles that input_gradient() reads.
template <typename T, typename A>
void store_gradient_line(const Rows& s, const NormGrad<T>& n, A* line) {
  for (int64_t c = 0; c < s.channels; ++c) {
    const NormGradLine<A> at(n, c, s.rows);
    line[c] = at.centre;
    line[s.width + c] = at.scale;
    line[2 * s.width + c] = at.mean_gradient;
    line[3 * s.width + c] = at.slope;
  }
  for (int tile = 0; tile < 4; ++tile) s.repeat(line + tile * s.width);
}

template <typename End, typename T>
void launch_grad_rows(const NormSizes& sizes, const NormGrad<T>& n) {
  using A = Accumulate<T>;
  const Rows s(sizes);
  const Scratch parts_memory(size_t(2 * s.chunks * s.channels) * sizeof(A));
  const Scratch line_memory(size_t(4 * s.width) * sizeof(A));
  launch([s, n, parts = parts_memory.as<A>(), line = line_memory.as<A>()] {
    const auto chunk_at = [&](int64_t first, int64_t count) {
      return NormGradChunk<T>{n.x + first, n.y + first, n.dy + first, count, s.width};
    };
    s.for_each_chunk<A>(3, [&](int64_t chunk, int64_t first, int64_t count, A* buffer) {
      A *centre = buffer, *sums = buffer + s.width, *totals = parts + 2 * chunk * s.channels;
      std::copy_n(n.mean, s.channels, centre);
      s.repeat(centre);
      std::fill_n(sums, 2 * s.width, A(0));
      add_gradients<End>(chunk_at(first, count), centre, sums);
      s.fold(sums, totals);
      s.fold(sums + s.width, totals + s.channels);
    });
    combine_gradients(s, n, parts);
    store_gradient_line(s, n, line);
    s.for_each_chunk<A>(0, [&](int64_t, int64_t first, int64_t count, A*) {
      input_gradient<End>(chunk_at(first, count), line, n.dx + first);
    });
  });
}

}  // namespace dlengine
