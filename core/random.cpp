// Random orders, and the default generator.
#include "dlengine/core/random.h"

#include <cstddef>
#include <numeric>
#include <utility>

#include "dlengine/core/capture.h"
#include "dlengine/core/graph/tracing.h"

namespace dlengine {

PhiloxKey Generator::next_key() {
  PhiloxKey key{state_.seed, state_.next_stream};
  if (Capture* capture = Capture::current()) {
    const LiveWords live = capture->words(this, [this] { return Words{state_.seed, state_.next_stream}; });
    if (live.device) {
      key = {state_.seed, state_.next_stream - live.start[1], live.device};
      capture->at_replay([this] { ++state_.next_stream; });
    }
  }
  ++state_.next_stream;
  return key;
}

std::vector<int64_t> Generator::permutation(int64_t n) {
  Capture::refuse("draws a random order on the host");
  refuse_in_trace("draws a random order on the host");
  const PhiloxKey key{state_.seed, state_.next_stream++};  // not next_key(): no device reads it
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
