// Random numbers that are the data set's own, and a count of what it gives.
#include "dlengine/data/read_batch.h"

#include <string>

#include "dlengine/core/check.h"
#include "dlengine/core/random.h"

namespace dlengine {

namespace {

/// This thread's random numbers come from a seed of their own as long as this lives.
class OwnNumbers {
 public:
  explicit OwnNumbers(uint64_t seed) : before_(default_generator().state()) { manual_seed(seed); }
  ~OwnNumbers() { default_generator().set_state(before_); }
  OwnNumbers(const OwnNumbers&) = delete;
  OwnNumbers& operator=(const OwnNumbers&) = delete;

 private:
  Generator::State before_;
};

bool has_rows(const Tensor& x, int64_t count) { return x.rank() >= 1 && x.dim(0) == count; }

std::string shape_of(const Tensor& x) { return x.defined() ? fmt::format("{}", x.shape()) : "undefined"; }

}  // namespace

Batch read_batch(const Dataset& dataset, std::span<const int64_t> indices, uint64_t seed) {
  const OwnNumbers own(seed);
  const auto count = static_cast<int64_t>(indices.size());
  Batch batch = dataset.get(indices);
  const bool right =
      batch.x.defined() && has_rows(batch.x, count) && (!batch.y.defined() || has_rows(batch.y, count));
  check<ShapeError>(right, "Dataset::get: need x [{}, ...] and y [{}, ...] for {} indices, got x {} and y {}",
                    count, count, count, shape_of(batch.x), shape_of(batch.y));
  return batch;
}

}  // namespace dlengine
