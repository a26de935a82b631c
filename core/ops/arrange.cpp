// Turning, cutting, masking, padding and repeating tensors.
#include "dlengine/core/ops/arrange.h"

#include <algorithm>
#include <numeric>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"

namespace dlengine {

namespace {

/// x where the lower triangle holds `kept`, else 0.
Tensor triangle(const char* op, const Tensor& x, int64_t diagonal, bool kept) {
  check_operands(op, {&x});
  check<ShapeError>(x.rank() >= 2, "{}: need matrices [.., rows, columns], got {}", op, x.shape());
  const Tensor lower = lower_triangle({x.dim(-2), x.dim(-1)}, diagonal, x.device());
  const Tensor none = scalar(0, x.dtype(), x.device());
  return kept ? where(lower, x, none) : where(lower, none, x);
}

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) { return triangle("tril", x, diagonal, true); }
Tensor triu(const Tensor& x, int64_t diagonal) { return triangle("triu", x, diagonal - 1, false); }

Tensor flip(const Tensor& x, const Shape& axes) {
  check_operands("flip", {&x});
  Tensor y = x;
  for (int i = 0; i < (axes.empty() ? x.rank() : axes.rank()); ++i) {
    const int axis = axes.empty() ? i : normalize_axis("flip", static_cast<int>(axes[i]), x.rank());
    const int64_t size = x.dim(axis);
    // size - 1, ..., 1, 0, made on the device, so that it can be replayed.
    y = index_select(y, axis, size - cumsum(ones({size}, DType::i64, x.device())));
  }
  return y;
}

std::vector<Tensor> split(const Tensor& x, int64_t sections, int axis) {
  check_operands("split", {&x});
  axis = normalize_axis("split", axis, x.rank());
  check<ValueError>(sections > 0 && x.dim(axis) % sections == 0,
                    "split: axis {} of {} does not have {} equal parts", axis, x.shape(), sections);
  return split(x, std::vector<int64_t>(static_cast<size_t>(sections), x.dim(axis) / sections), axis);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis) {
  check_operands("split", {&x});
  axis = normalize_axis("split", axis, x.rank());
  const bool sensible = std::all_of(sizes.begin(), sizes.end(), [](int64_t size) { return size >= 0; });
  const int64_t sum = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  check<ValueError>(sensible && sum == x.dim(axis), "split: sizes must add up to axis {} of {}, got [{}]",
                    axis, x.shape(), fmt::join(sizes, ", "));
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (const int64_t size : sizes) {
    parts.push_back(x.slice(axis, start, start + size));
    start += size;
  }
  return parts;
}

std::vector<Tensor> split(const Tensor& x, std::initializer_list<int64_t> sizes, int axis) {
  return split(x, std::vector<int64_t>(sizes), axis);
}

namespace {

/// The part of y where x, of this shape, lies.
Tensor inside(Tensor y, const std::vector<PadWidth>& widths, const Shape& shape) {
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t before = widths[static_cast<size_t>(axis)].before;
    y = y.slice(axis, before, before + shape[axis]);
  }
  return y;
}

}  // namespace

Tensor pad(const Tensor& x, const std::vector<PadWidth>& given, double value) {
  check_operands("pad", {&x});
  std::vector<PadWidth> widths = given;
  if (widths.size() == 1) widths.resize(static_cast<size_t>(x.rank()), widths[0]);
  check<ShapeError>(widths.size() == static_cast<size_t>(x.rank()),
                    "pad: need one width, or one for each axis of {}, got {}", x.shape(), given.size());
  Shape shape = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const PadWidth& width = widths[static_cast<size_t>(axis)];
    check<ValueError>(width.before >= 0 && width.after >= 0,
                      "pad: widths must be 0 or more, got {} and {} for axis {}", width.before, width.after,
                      axis);
    shape[axis] += width.before + width.after;
  }
  const Tensor y = full(shape, value, x.dtype(), x.device());
  inside(y, widths, x.shape()).copy_(x.detach());
  return record("pad", y, {x}, [widths, whole = x.shape()](const Tensor& dy, InputGrads& dx) {
    dx.add(0, inside(dy, widths, whole));
  });
}

Tensor tile(const Tensor& x, const Shape& repeats) {
  check_operands("tile", {&x});
  Shape shape = x.shape(), counts = repeats;
  while (shape.rank() < counts.rank()) shape.insert(0, 1);
  while (counts.rank() < shape.rank()) counts.insert(0, 1);
  Tensor y = x.reshape(shape);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    check<ValueError>(counts[axis] >= 0, "tile: repeats must be 0 or more, got {}", repeats);
    if (counts[axis] == 0) {
      y = y.slice(axis, 0, 0);
    } else if (counts[axis] > 1) {
      y = concat(std::vector<Tensor>(static_cast<size_t>(counts[axis]), y), axis);
    }
  }
  return y;
}

Tensor repeat(const Tensor& x, int64_t count, int axis) {
  check_operands("repeat", {&x});
  axis = normalize_axis("repeat", axis, x.rank());
  check<ValueError>(count >= 0, "repeat: need a count of 0 or more, got {}", count);
  Shape shape = x.shape();
  shape.insert(axis + 1, count);
  return x.unsqueeze(axis + 1).expand(shape).flatten(axis, axis + 1);
}

}  // namespace dlengine
