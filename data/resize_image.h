// Internal: images of one size.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Draws the image u8 [C, H, W] into target f32 [C, size.h, size.w] as pixels of 0 .. 1. Bilinear: a pixel of
/// the result is the mean of those around its middle, weighted by a triangle that reaches one pixel far, or
/// as far as a pixel of the result is wide where the image gets smaller. So are PyTorch's interpolate(mode =
/// "bilinear", antialias = True) and Pillow's resize. Plain loops on this thread. target: contiguous.
void resize_image(const Tensor& image, Size2 size, float* target);

}  // namespace dlengine
