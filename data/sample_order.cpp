// The order of samples: a function of seed and epoch. The seeds of batches, too.
#include "dlengine/data/sample_order.h"

#include <cstddef>
#include <numeric>

#include "dlengine/core/check.h"
#include "dlengine/core/random.h"

namespace dlengine {

namespace {

/// Random streams of the sample order and of the batches' seeds, away from those that a Generator with the
/// same seed hands to weights and dropout.
constexpr uint64_t kOrderStreams = uint64_t{1} << 62;
constexpr uint64_t kBatchStreams = uint64_t{1} << 63;

}  // namespace

void check_order_options(const char* who, const LoaderOptions& options) {
  check<ValueError>(options.batch_size >= 1, "{}: need batch_size >= 1, got {}", who, options.batch_size);
}

void check_epoch(const char* who, int64_t epoch) {
  check<ValueError>(epoch >= 0, "{}: need epoch >= 0, got {}", who, epoch);
}

int64_t count_batches(int64_t samples, const LoaderOptions& options) {
  const int64_t full = samples / options.batch_size;
  const bool rest = samples % options.batch_size != 0 && !options.drop_last;
  return full + (rest ? 1 : 0);
}

std::vector<int64_t> sample_order(int64_t count, const LoaderOptions& options, int64_t epoch) {
  if (options.shuffle) {
    Generator generator;
    generator.set_state({.seed = options.seed, .next_stream = kOrderStreams + static_cast<uint64_t>(epoch)});
    return generator.permutation(count);
  }
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

uint64_t seed_of_batch(const LoaderOptions& options, int64_t epoch, int64_t batch) {
  const PhiloxKey key{options.seed, kBatchStreams + static_cast<uint64_t>(epoch)};
  const PhiloxBlock block = philox(key, static_cast<uint64_t>(batch));
  return uint64_t{block.word[0]} << 32 | block.word[1];
}

}  // namespace dlengine
