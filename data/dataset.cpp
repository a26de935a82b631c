// Gathers rows of tensors in memory, on one thread.
#include "dlengine/data/dataset.h"

#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/sample_rows.h"

namespace dlengine {

namespace {

void check_range(const char* where, std::span<const int64_t> indices, int64_t size) {
  for (const int64_t index : indices) {
    check<ValueError>(0 <= index && index < size, "{}: sample {} is out of range, need 0 to {}", where, index,
                      size - 1);
  }
}

}  // namespace

TensorDataset::TensorDataset(const Tensor& x, const Tensor& y)
    : x_(x.detach().to(kCpu).contiguous()), y_(y.detach().to(kCpu).contiguous()) {
  check<ShapeError>(x_.rank() >= 1 && y_.rank() >= 1 && x_.dim(0) == y_.dim(0),
                    "TensorDataset: need x [N, ...] and y [N, ...], got x {} and y {}", x_.shape(),
                    y_.shape());
}

Batch TensorDataset::get(std::span<const int64_t> indices) const {
  check_range("TensorDataset", indices, size());
  Batch batch = empty_batch({x_, y_}, static_cast<int64_t>(indices.size()));
  const SampleRows x(x_, batch.x), y(y_, batch.y);
  for (int64_t number = 0; const int64_t index : indices) {
    x.take(index, number);
    y.take(index, number++);
  }
  return batch;
}

Subset::Subset(const Dataset& dataset, int64_t first, int64_t last)
    : dataset_(dataset), first_(first), last_(last) {
  check<ValueError>(0 <= first && first <= last && last <= dataset.size(),
                    "Subset: need 0 <= first <= last <= {}, got {} and {}", dataset.size(), first, last);
}

Batch Subset::get(std::span<const int64_t> indices) const {
  check_range("Subset", indices, size());
  std::vector<int64_t> shifted(indices.begin(), indices.end());
  for (int64_t& index : shifted) index += first_;
  return dataset_.get(shifted);
}

std::optional<Samples> Subset::in_memory() const {
  std::optional<Samples> all = dataset_.in_memory();
  if (all) *all = {all->x.slice(0, first_, last_), all->y.slice(0, first_, last_)};
  return all;
}

}  // namespace dlengine
