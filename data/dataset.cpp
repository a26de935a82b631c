// Gathers rows of tensors in memory, on one thread.
#include "dlengine/data/dataset.h"

#include <cstddef>
#include <cstring>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"

namespace dlengine {

namespace {

void check_range(const char* where, std::span<const int64_t> indices, int64_t size) {
  for (const int64_t index : indices) {
    check<ValueError>(0 <= index && index < size, "{}: sample {} is out of range, need 0 to {}", where, index,
                      size - 1);
  }
}

/// [N, ...] -> [count, ...]
Shape with_count(Shape shape, size_t count) {
  shape[0] = static_cast<int64_t>(count);
  return shape;
}

/// Elements of one sample.
size_t row_size(const Tensor& samples) {
  Shape shape = samples.shape();
  shape[0] = 1;
  return static_cast<size_t>(shape.product());
}

Tensor gather_rows(const Tensor& from, std::span<const int64_t> indices) {
  Tensor to = empty(with_count(from.shape(), indices.size()), from.dtype());
  const size_t bytes = row_size(from) * size_of(from.dtype());
  if (to.numel() == 0) return to;
  const auto* source = static_cast<const std::byte*>(from.raw());
  auto* target = static_cast<std::byte*>(to.raw());
  for (const int64_t index : indices) {
    std::memcpy(target, source + static_cast<size_t>(index) * bytes, bytes);
    target += bytes;
  }
  return to;
}

/// Gathers and scales in one pass over the bytes.
Tensor gather_pixels(const Tensor& from, std::span<const int64_t> indices) {
  Tensor to = empty(with_count(from.shape(), indices.size()), DType::f32);
  const size_t pixels = row_size(from);
  float* target = to.data<float>();
  for (const int64_t index : indices) {
    const uint8_t* source = from.data<uint8_t>() + static_cast<size_t>(index) * pixels;
    for (size_t i = 0; i < pixels; ++i) target[i] = pixel_value(source[i]);
    target += pixels;
  }
  return to;
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
  Tensor x = x_.dtype() == DType::u8 ? gather_pixels(x_, indices) : gather_rows(x_, indices);
  return {std::move(x), gather_rows(y_, indices)};
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
