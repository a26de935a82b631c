// Internal: f32 convolutions of channels-last images with few channels, computed directly. Libraries that
// work on blocks of 16 channels waste most of their lanes there.
#pragma once

#include <cstddef>

#include "dlengine/kernels/cpu/conv.h"

namespace dlengine::direct {

enum class Pass { forward, grad_input, grad_weight };

/// The instruction sets that there are loops for.
enum class Isa { none, avx2, avx512 };

/// The best one that this CPU has.
Isa best_isa();

/// Where these functions compute the convolution and are the fast ones.
bool fits(const ConvSizes& sizes);

/// How a convolution runs. No result depends on the threads.
struct Run {
  void* workspace = nullptr;  // workspace_bytes() long, at a multiple of 64 bytes
  int threads = 1;
  Isa isa = best_isa();
};

/// run.workspace does not matter.
size_t workspace_bytes(Pass pass, const ConvSizes& sizes, const Run& run);

// Images are [n, h, w, c] and [n, p, q, k], filters [k, c, r, s]. Pointers that say so may be null.

struct ForwardOperands {
  const float* x;
  const float* filters;
  const float* bias;  // or null
  bool relu;          // of the result
  float* y;
};

struct GradInputOperands {
  const float* dy;
  const float* relu_y;  // or null; else dy counts only where this is above 0
  const float* filters;
  float* dx;
};

struct GradWeightOperands {
  const float* dy;
  const float* relu_y;  // or null; else dy counts only where this is above 0
  const float* x;
  float* dfilters;
  float* dbias;  // or null
};

void forward(const ConvSizes& sizes, const ForwardOperands& operands, const Run& run);
void grad_input(const ConvSizes& sizes, const GradInputOperands& operands, const Run& run);
void grad_weight(const ConvSizes& sizes, const GradWeightOperands& operands, const Run& run);

}  // namespace dlengine::direct
