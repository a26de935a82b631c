// Gathers rows of tensors in memory, on one thread.
#include "dlengine/data/dataset.h"

#include <cmath>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/random.h"
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

Selection::Selection(const Dataset& dataset, std::vector<int64_t> indices)
    : dataset_(dataset), indices_(std::move(indices)) {
  check_range("Selection", indices_, dataset.size());
}

Batch Selection::get(std::span<const int64_t> indices) const {
  check_range("Selection", indices, size());
  std::vector<int64_t> chosen(indices.begin(), indices.end());
  for (int64_t& index : chosen) index = indices_[static_cast<size_t>(index)];
  return dataset_.get(chosen);
}

std::optional<Samples> Selection::in_memory() const {
  std::optional<Samples> all = dataset_.in_memory();
  if (!all) return all;
  const Tensor rows = from_vector(indices_, {size()});
  return Samples{index_select(all->x, 0, rows), index_select(all->y, 0, rows)};
}

Split random_split(const Dataset& dataset, double share, uint64_t seed) {
  check<ValueError>(share > 0 && share < 1, "random_split: need 0 < share < 1, got {}", share);
  const int64_t size = dataset.size(), held_out = std::llround(share * static_cast<double>(size));
  check<ValueError>(held_out > 0 && held_out < size,
                    "random_split: a share of {} of {} samples leaves a part without any", share, size);
  const std::vector<int64_t> order = Generator(seed).permutation(size);
  const auto middle = order.begin() + (size - held_out);
  return {Selection(dataset, {order.begin(), middle}), Selection(dataset, {middle, order.end()})};
}

}  // namespace dlengine
