// Internal: f32 convolutions of channels-last images with few channels, computed directly. Libraries that
// work on blocks of 16 channels waste most of their lanes there.
#pragma once

#include <cstddef>

#include "dlengine/kernels/cpu/conv.h"

namespace dlengine::direct {

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
size_t workspace_bytes(ConvPass pass, const ConvSizes& sizes, const Run& run);

void forward(const ConvSizes& sizes, const ConvForward& operands, const Run& run);
void grad_input(const ConvSizes& sizes, const ConvGradInput& operands, const Run& run);
void grad_weight(const ConvSizes& sizes, const ConvGradWeight& operands, const Run& run);

}  // namespace dlengine::direct
