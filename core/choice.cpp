// Random choice of positions.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/graph/tracing.h"
#include "dlengine/core/philox.h"

namespace dlengine {

namespace {

uint64_t random_bits(const PhiloxKey& key, size_t i) {
  const PhiloxBlock block = philox(key, i);
  return uint64_t{block.word[0]} << 32 | block.word[1];
}

/// In (0, 1).
double random_share(const PhiloxKey& key, size_t i) {
  return (static_cast<double>(random_bits(key, i) >> 12) + 0.5) * 0x1p-52;
}

using Positions = std::vector<int64_t>;

Positions uniform_choice(int64_t n, size_t count, const PhiloxKey& key) {
  Positions chosen(count);
  for (size_t i = 0; i < count; ++i) {
    chosen[i] = static_cast<int64_t>(random_bits(key, i) % static_cast<uint64_t>(n));
  }
  return chosen;
}

Positions weighted_choice(const std::vector<double>& p, size_t count, const PhiloxKey& key) {
  std::vector<double> below(p.size());  // sums of p up to each position
  std::partial_sum(p.begin(), p.end(), below.begin());
  Positions chosen(count);
  for (size_t i = 0; i < count; ++i) {
    const double share = random_share(key, i) * below.back();
    chosen[i] = std::upper_bound(below.begin(), below.end(), share) - below.begin();
  }
  return chosen;
}

/// The first ones by -log(u) / p have the distribution of draws one after the other. Efraimidis and Spirakis,
/// Information Processing Letters 97 (2006).
Positions weighted_order(const std::vector<double>& p, size_t count, const PhiloxKey& key) {
  std::vector<double> rank(p.size());
  for (size_t i = 0; i < p.size(); ++i) {
    rank[i] = p[i] > 0 ? -std::log(random_share(key, i)) / p[i] : std::numeric_limits<double>::infinity();
  }
  Positions order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return rank[static_cast<size_t>(a)] < rank[static_cast<size_t>(b)];
  });
  order.resize(count);
  return order;
}

void check_probabilities(const std::vector<double>& p, int64_t n) {
  check<ValueError>(static_cast<int64_t>(p.size()) == n, "choice: {} probabilities for {} positions",
                    p.size(), n);
  for (size_t i = 0; i < p.size(); ++i) {
    check<ValueError>(p[i] >= 0, "choice: probabilities must be 0 or more, p[{}] is {}", i, p[i]);
  }
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  check<ValueError>(std::abs(sum - 1) < 1e-8, "choice: probabilities must sum to 1, they sum to {}", sum);
}

}  // namespace

Tensor choice(int64_t n, const Shape& shape, const ChoiceOptions& options, Generator& generator) {
  refuse_in_trace("draws random numbers on the host");
  const auto count = static_cast<size_t>(empty(shape, DType::boolean).numel());  // refuses negative sizes
  const std::vector<double>& p = options.p;
  if (!p.empty()) check_probabilities(p, n);
  const int64_t possible = p.empty() ? n : n - std::count(p.begin(), p.end(), 0.0);
  check<ValueError>(
      count == 0 || (possible > 0 && (options.replace || static_cast<int64_t>(count) <= possible)),
      "choice: {} positions {}of {} possible ones", count, options.replace ? "" : "without replacement ",
      possible);
  if (!options.replace && p.empty()) {
    Positions order = generator.permutation(std::max<int64_t>(n, 0));
    order.resize(count);
    return from_vector(order, shape);
  }
  const PhiloxKey key = generator.next_key();
  if (p.empty()) return from_vector(uniform_choice(n, count, key), shape);
  return from_vector(options.replace ? weighted_choice(p, count, key) : weighted_order(p, count, key), shape);
}

}  // namespace dlengine
