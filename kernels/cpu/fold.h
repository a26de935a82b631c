// Sums and extremes of many terms, in an order that depends on their number alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "dlengine/kernels/functors.h"

namespace dlengine {

struct SumFold {
  template <typename A>
  static constexpr A identity() {
    return A(0);
  }
  template <typename A>
  static A combine(A a, A b) {
    return Add::value(a, b);
  }
};

struct MaxFold {
  template <typename A>
  static constexpr A identity() {
    using Limits = std::numeric_limits<A>;
    return Limits::has_infinity ? A(-Limits::infinity()) : Limits::lowest();
  }
  template <typename A>
  static A combine(A a, A b) {
    return Maximum::value(a, b);
  }
};

struct MinFold {
  template <typename A>
  static constexpr A identity() {
    using Limits = std::numeric_limits<A>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  template <typename A>
  static A combine(A a, A b) {
    return Minimum::value(a, b);
  }
};

/// Terms that are folded in a plain loop; longer ranges are halved, so that a sum's error grows with log n.
inline constexpr int64_t kFoldBlock = 1024;

/// Where to halve a range that is longer than a block: at a whole number of blocks.
inline int64_t fold_middle(int64_t begin, int64_t end) {
  return begin + ((end - begin) / 2 + kFoldBlock - 1) / kFoldBlock * kFoldBlock;
}

/// Folds term(begin) .. term(end - 1), at most a block, in lanes that the compiler turns into vectors.
template <typename Fold, typename A, typename Term>
A fold_block(int64_t begin, int64_t end, const Term& term) {
  constexpr int kLanes = 16;
  A lanes[kLanes];
  std::fill_n(lanes, kLanes, Fold::template identity<A>());
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = Fold::combine(lanes[lane], term(i + lane));
  }
  A rest = Fold::template identity<A>();
  for (; i < end; ++i) rest = Fold::combine(rest, term(i));
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) lanes[lane] = Fold::combine(lanes[lane], lanes[lane + width]);
  }
  return Fold::combine(lanes[0], rest);
}

/// Folds term(begin) .. term(end - 1).
template <typename Fold, typename A, typename Term>
A fold(int64_t begin, int64_t end, const Term& term) {
  if (end - begin <= kFoldBlock) return fold_block<Fold, A>(begin, end, term);
  const int64_t middle = fold_middle(begin, end);
  const A first = fold<Fold, A>(begin, middle, term);
  return Fold::combine(first, fold<Fold, A>(middle, end, term));
}

}  // namespace dlengine
