// Sizes that grow with the batch.
#include "dlengine/core/graph/program.h"

#include "dlengine/core/check.h"

namespace dlengine {

int64_t GraphSize::at(int64_t batch) const {
  constexpr int64_t kLargest = int64_t{1} << 48;
  int64_t size = 0;
  const bool overflows =
      __builtin_mul_overflow(per_sample, batch, &size) || __builtin_add_overflow(size, fixed, &size);
  check<IoError>(!overflows && size >= 0 && size <= kLargest, "a size of {} for a batch of {} cannot be",
                 to_string(*this), batch);
  return size;
}

std::string to_string(const GraphSize& size) {
  if (size.per_sample == 0) return fmt::format("{}", size.fixed);
  const std::string grows = size.per_sample == 1 ? "N" : fmt::format("{}N", size.per_sample);
  return size.fixed == 0 ? grows : fmt::format("{}{:+}", grows, size.fixed);
}

std::string to_string(const GraphSizes& sizes) {
  std::string text = "[";
  for (const GraphSize& size : sizes) text += (text.size() > 1 ? ", " : "") + to_string(size);
  return text + "]";
}

GraphSizes sizes_of(const Dims& dims) { return {dims.begin(), dims.end()}; }

Dims at(const GraphSizes& sizes, int64_t batch) {
  Dims dims;
  for (const GraphSize& size : sizes) dims.push_back(size.at(batch));
  return dims;
}

}  // namespace dlengine
