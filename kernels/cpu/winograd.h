// Internal: 3x3 convolutions of f32 images by Winograd's minimal filtering, F(4x4, 3x3).
//
// A tile of 4x4 outputs takes 36 multiplications per pair of channels instead of 144: its 6x6 inputs and the
// filter are transformed, multiplied point by point and transformed back (Lavin and Gray, arXiv:1509.09308).
// Over many tiles and channels each of the 36 points is a matrix product. All images are channels-last:
// x [n, h, w, c], y [n, p, q, k]; filters are [k, c, 3, 3]. The number of threads changes no bit of a result.
#pragma once

#include <cstddef>

#include "dlengine/kernels/cpu/conv.h"

namespace dlengine::winograd {

enum class Isa { avx2, avx512 };
bool has(Isa isa);
/// The widest instruction set that this CPU has; call it only where fits() is true of any convolution.
Isa best_isa();

/// 3x3, no stride, dilation or groups, padding of at most 2, channels in multiples of 16, and a CPU with
/// AVX2.
bool fits(const ConvSizes& sizes);

size_t workspace_bytes(ConvPass pass, const ConvSizes& sizes, int threads);

struct Execution {
  void* workspace;  // workspace_bytes(), aligned to 64
  int threads = 1;  // those that workspace_bytes() was asked for
  Isa isa = best_isa();
};

/// Transforms filters for forward(); their layout depends on the instruction set.
size_t transformed_bytes(const ConvSizes& sizes);
void transform_filters(const ConvSizes& sizes, const float* filters, float* transformed, Isa isa);
/// data.filters are transformed ones.
void forward(const ConvSizes& sizes, const ConvForward& data, const Execution& execution);

void grad_input(const ConvSizes& sizes, const ConvGradInput& data, const Execution& execution);

void grad_weight(const ConvSizes& sizes, const ConvGradWeight& data, const Execution& execution);

}  // namespace dlengine::winograd
