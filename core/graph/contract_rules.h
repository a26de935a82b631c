// Internal: the words in which core/backend.h speaks of tensors.
#pragma once

#include <initializer_list>

#include "dlengine/core/check.h"
#include "dlengine/core/tensor.h"

namespace dlengine::contract {

using Tensors = std::initializer_list<const Tensor*>;

inline void need(bool ok, const char* what) { check<IoError>(ok, "need {}", what); }

inline void defined(Tensors tensors) {
  for (const Tensor* tensor : tensors) need(tensor->defined(), "tensors that are defined");
}

inline void one_type(Tensors tensors) {
  for (const Tensor* tensor : tensors) {
    check<IoError>(tensor->dtype() == (*tensors.begin())->dtype(), "need one type, got {} and {}",
                   (*tensors.begin())->dtype(), tensor->dtype());
  }
}

inline void floating(Tensors tensors) {
  one_type(tensors);
  need(is_floating((*tensors.begin())->dtype()), "a floating type");
}

inline void shaped(const Tensor& tensor, const Shape& shape) {
  check<IoError>(tensor.shape() == shape, "need shape {}, got {}", shape, tensor.shape());
}

inline void one_shape(Tensors tensors) {
  for (const Tensor* tensor : tensors) shaped(*tensor, (*tensors.begin())->shape());
}

inline void row_major(Tensors tensors) {
  for (const Tensor* tensor : tensors) need(tensor->is_contiguous(), "row-major tensors without gaps");
}

inline bool is_image_order(const Tensor& tensor) {
  return tensor.rank() == 4 && is_channels_last(tensor.shape(), tensor.strides());
}

/// All row-major, or all channels-last.
inline void one_layout(Tensors tensors) {
  bool rows = true, images = true;
  for (const Tensor* tensor : tensors) {
    rows &= tensor->is_contiguous();
    images &= is_image_order(*tensor);
  }
  need(rows || images, "images in one layout without gaps");
}

inline void no_gaps(const Tensor& tensor) {
  need(tensor.is_contiguous() || is_image_order(tensor), "a result without gaps");
}

inline int axis_of(const Tensor& tensor, int axis) {
  check<IoError>(axis >= 0 && axis < tensor.rank(), "axis {} is none of {}", axis, tensor.shape());
  return axis;
}

}  // namespace dlengine::contract
