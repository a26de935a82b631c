// A convolution of x, w and y as cuDNN is asked for it, in one of three directions.
#pragma once

#include <cudnn.h>

#include <cstddef>
#include <cstdint>

#include "tests/emulator/libraries/cudnn_descriptors.h"

namespace dlengine::emulator {

enum class Direction { forward, backward_data, backward_filter };

struct Convolution {
  Direction direction;
  Packed4d x, w, y;  // or their gradients
  ConvolutionOptions options;

  Element element() const { return x.element(); }
  size_t compute_bytes() const { return element() == Element::f64 ? 8 : 4; }
  /// Products that go into one element of y.
  int64_t taps() const { return w.c * w.h * w.w; }
  int64_t pixels() const { return y.h * y.w; }
  /// x of one image and group, unfolded: what every algorithm keeps in its workspace.
  size_t workspace_bytes() const { return size_t(taps() * pixels()) * compute_bytes(); }
  /// f32 is read as TF32.
  bool rounds_inputs() const { return element() == Element::f32 && options.math != CUDNN_FMA_MATH; }
};

struct ConvolutionDescriptors {
  cudnnTensorDescriptor_t x;
  cudnnFilterDescriptor_t w;
  cudnnTensorDescriptor_t y;
  cudnnConvolutionDescriptor_t options;
};

/// Checks the handle, and reads and checks all but the direction that does not depend on the data.
cudnnStatus_t read_convolution(cudnnHandle_t handle, const ConvolutionDescriptors& from, Convolution& to);

/// The result is the one that the direction says.
struct ConvolutionWork {
  Convolution convolution;
  const void *x, *w, *y;
  Blend blend;
  void* workspace;
  const void* bias = nullptr;  // of each channel of y, added to it
  bool relu = false;           // then; a NaN becomes 0
};
struct Factors {
  const void *alpha, *beta;
};
struct Workspace {
  void* data;
  size_t bytes;
};
/// Checks the data, fills in the rest of the work and appends it to the handle's stream.
cudnnStatus_t enqueue_convolution(cudnnHandle_t handle, ConvolutionWork work, const Factors& factors,
                                  const Workspace& workspace);

/// Runs as an operation: declares what it touches, then computes.
void run(const ConvolutionWork& work);

}  // namespace dlengine::emulator
