// One walk over several tensors of the same shape and any strides, shared by the CPU and the CUDA kernels.
#pragma once

#include <array>
#include <cstdint>

#include "dlengine/core/host_device.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

enum class WalkOrder : uint8_t {
  row_major,  // of the shape
  memory,     // of the first tensor's elements, for work that may come in any order
};

/// Sizes and the strides of N tensors, with neighbouring axes joined wherever all tensors allow it and axes
/// of size 1 left out. Contiguous tensors come out with rank 1. Axis 0 is the outermost.
template <int N>
struct StridedWalk {
  int rank = 0;
  int64_t count = 1;  // elements
  int64_t size[kMaxRank] = {};
  int64_t stride[N][kMaxRank] = {};

  /// The tensors have one shape.
  explicit StridedWalk(const std::array<const Tensor*, N>& tensors, WalkOrder order = WalkOrder::row_major) {
    const Shape& shape = tensors[0]->shape();
    if (all_contiguous(tensors)) {  // the usual case, in short
      rank = 1;
      count = size[0] = tensors[0]->numel();
      for (int t = 0; t < N; ++t) stride[t][0] = 1;
      return;
    }
    const Dims by_stride = axes_by_stride(tensors[0]->strides());
    for (int i = 0; i < shape.rank(); ++i) {
      const int axis = order == WalkOrder::memory ? int(by_stride[i]) : i;
      count *= shape[axis];
      if (shape[axis] == 1) continue;
      if (rank > 0 && joins_previous(tensors, axis, shape[axis])) {
        size[rank - 1] *= shape[axis];
      } else {
        size[rank++] = shape[axis];
      }
      for (int t = 0; t < N; ++t) stride[t][rank - 1] = tensors[size_t(t)]->strides()[axis];
    }
  }

  /// True if the tensors are all dense in the same order: then element i of each is at i.
  DLENGINE_HOST_DEVICE bool is_flat() const {
    if (rank != 1) return false;
    for (int t = 0; t < N; ++t) {
      if (stride[t][0] != 1) return false;
    }
    return true;
  }

  /// Where element i of the walk is in each tensor, in elements from its start.
  DLENGINE_HOST_DEVICE void offsets(int64_t i, int64_t (&out)[N]) const {
    for (int t = 0; t < N; ++t) out[t] = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t position = axis == 0 ? i : i % size[axis];
      i /= size[axis];
      for (int t = 0; t < N; ++t) out[t] += position * stride[t][axis];
    }
  }

 private:
  static bool all_contiguous(const std::array<const Tensor*, N>& tensors) {
    for (const Tensor* tensor : tensors) {
      if (!tensor->is_contiguous()) return false;
    }
    return true;
  }
  bool joins_previous(const std::array<const Tensor*, N>& tensors, int axis, int64_t axis_size) const {
    for (int t = 0; t < N; ++t) {
      if (stride[t][rank - 1] != tensors[size_t(t)]->strides()[axis] * axis_size) return false;
    }
    return true;
  }
};

}  // namespace dlengine
