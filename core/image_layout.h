// How images [N, C, H, W] lie in memory. Tensors of other ranks are row-major.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"

namespace dlengine {

enum class ImageLayout : uint8_t { row_major, channels_last };

/// The layout that elementwise operations, pooling and batch norm hand on: channels_last if x lies so, and
/// not row-major too, and its device wants such images of its type.
ImageLayout layout_of(const Tensor& x);

/// The layout of convolutions in this type.
ImageLayout convolution_layout(DType dtype, Device device);

/// True if x is dense in this layout.
bool lies_in(ImageLayout layout, const Tensor& x);

/// Uninitialised elements in this layout; channels_last needs 4 axes.
Tensor empty(const Shape& shape, DType dtype, Device device, ImageLayout layout);

/// x itself if it is dense in this layout, else a copy that is; off the tape.
Tensor dense(const Tensor& x, ImageLayout layout);

}  // namespace dlengine
