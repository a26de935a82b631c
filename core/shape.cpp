// Sizes and strides.
#include "dlengine/core/shape.h"

#include <algorithm>
#include <limits>
#include <ostream>
#include <utility>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

void check_rank(int64_t rank) {
  check<ShapeError>(rank <= kMaxRank, "a tensor has at most {} axes, got {}", kMaxRank, rank);
}

}  // namespace

Dims::Dims(std::span<const int64_t> values) {
  check_rank(static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), values_.begin());
  rank_ = static_cast<int>(values.size());
}

Dims Dims::filled(int count, int64_t value) {
  check_rank(count);
  Dims dims;
  dims.rank_ = count;
  std::fill(dims.begin(), dims.end(), value);
  return dims;
}

void Dims::push_back(int64_t value) { insert(rank_, value); }

void Dims::insert(int axis, int64_t value) {
  check<ShapeError>(rank_ < kMaxRank, "a tensor has at most {} axes", kMaxRank);
  check<ShapeError>(axis >= 0 && axis <= rank_, "insert: axis {} is not in 0 .. {}", axis, rank_);
  std::copy_backward(begin() + axis, end(), end() + 1);
  values_[static_cast<size_t>(axis)] = value;
  ++rank_;
}

void Dims::erase(int axis) {
  axis = normalize_axis("erase", axis, rank_);
  std::copy(begin() + axis + 1, end(), begin() + axis);
  --rank_;
}

std::string to_string(const Dims& dims) {
  return fmt::format("[{}]", fmt::join(dims.begin(), dims.end(), ", "));
}

std::ostream& operator<<(std::ostream& out, const Dims& dims) { return out << to_string(dims); }

Strides contiguous_strides(const Shape& shape) {
  Strides strides = shape;
  int64_t step = 1;
  int64_t* const steps = strides.begin();  // unchecked, as below
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    step *= std::max<int64_t>(std::exchange(steps[axis], step), 1);
  }
  return strides;
}

// Every operation asks this, several times: pointers, as they check no axis.
bool is_contiguous(const Shape& shape, const Strides& strides) {
  const int64_t* const sizes = shape.begin();
  const int64_t* const steps = strides.begin();
  int64_t expected = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (sizes[axis] == 0) return true;
    if (sizes[axis] == 1) continue;
    if (steps[axis] != expected) return false;
    expected *= sizes[axis];
  }
  return true;
}

Strides channels_last_strides(const Shape& images) {
  const Strides memory = contiguous_strides({images[0], images[2], images[3], images[1]});
  return {memory[0], memory[3], memory[1], memory[2]};
}

bool is_channels_last(const Shape& shape, const Strides& strides) {
  return shape.rank() == 4 && is_contiguous({shape[0], shape[2], shape[3], shape[1]},
                                            {strides[0], strides[2], strides[3], strides[1]});
}

Dims axes_by_stride(const Strides& strides) {
  Dims axes = Dims::filled(strides.rank(), 0);
  for (int axis = 1; axis < strides.rank(); ++axis) {
    int place = axis;
    for (; place > 0 && strides[static_cast<int>(axes[place - 1])] < strides[axis]; --place) {
      axes[place] = axes[place - 1];
    }
    axes[place] = axis;
  }
  return axes;
}

int normalize_axis(const char* op, int axis, int rank) {
  check<ShapeError>(axis >= -rank && axis < rank, "{}: axis {} is not one of the {} axes", op, axis, rank);
  return axis < 0 ? axis + rank : axis;
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int lead = longer.rank() - shorter.rank();
  Shape result = longer;
  for (int axis = 0; axis < shorter.rank(); ++axis) {
    int64_t& size = result[axis + lead];
    const int64_t other = shorter[axis];
    check<ShapeError>(size == other || size == 1 || other == 1,
                      "{}: {} and {} do not broadcast: aligned at the last axis, sizes must be equal or 1",
                      op, a, b);
    if (size == 1) size = other;
  }
  return result;
}

Strides broadcast_strides(const Shape& shape, const Strides& strides, const Shape& target) {
  const int lead = target.rank() - shape.rank();
  Strides result = Strides::filled(target.rank(), 0);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == target[axis + lead]) result[axis + lead] = strides[axis];
  }
  return result;
}

}  // namespace dlengine
