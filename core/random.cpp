// Random orders, and the default generator.
#include "dlengine/core/random.h"

#include <cstddef>
#include <numeric>
#include <utility>

namespace dlengine {

std::vector<int64_t> Generator::permutation(int64_t n) {
  const PhiloxKey key = next_key();
  std::vector<int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = n - 1; i > 0; --i) {
    const PhiloxBlock block = philox(key, static_cast<uint64_t>(i));
    const uint64_t bits = uint64_t{block.word[0]} << 32 | block.word[1];
    std::swap(order[static_cast<std::size_t>(i)], order[bits % static_cast<uint64_t>(i + 1)]);
  }
  return order;
}

Generator& default_generator() {
  thread_local Generator generator;
  return generator;
}

void manual_seed(uint64_t seed) { default_generator().seed(seed); }

}  // namespace dlengine
