// Turning, cutting, masking, padding and repeating tensors. Types: any. Grads: x. Throws ShapeError,
// ValueError.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Matrices [.., rows, columns] with 0 where column - row > diagonal (tril, the lower triangle), or <
/// diagonal (triu, the upper one).
Tensor tril(const Tensor& x, int64_t diagonal = 0);
Tensor triu(const Tensor& x, int64_t diagonal = 0);

/// The last element comes first, along these axes (none: all of them).
Tensor flip(const Tensor& x, const Shape& axes = {});

/// Views of equal parts of an axis: split(x, 3). Throws ValueError if it does not divide.
std::vector<Tensor> split(const Tensor& x, int64_t sections, int axis = 0);
/// Views of parts with these sizes, which add up to the axis: split(x, {2, 5, 1}).
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis = 0);
std::vector<Tensor> split(const Tensor& x, std::initializer_list<int64_t> sizes, int axis = 0);

/// New elements in front of an axis and behind it.
struct PadWidth {
  int64_t before = 0, after = 0;
};
/// x with `value` around it. One width is for all axes, more are for one axis each: pad(x, {{1, 2}, {0, 0}}).
Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, double value = 0);

/// x, repeats[i] times one after the other along axis i; missing numbers and axes count as 1, in front.
Tensor tile(const Tensor& x, const Shape& repeats);
/// Each element of the axis `count` times in a row.
Tensor repeat(const Tensor& x, int64_t count, int axis);

}  // namespace dlengine
