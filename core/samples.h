// Labelled samples as tensors.
#pragma once

#include <cstdint>

#include "dlengine/core/host_device.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// x [N, ...] and y [N, ...].
struct Samples {
  Tensor x;
  Tensor y;
  int64_t size() const { return x.dim(0); }
};

/// What a model sees of a pixel that is kept as u8: 0 .. 1.
DLENGINE_HOST_DEVICE inline float pixel_value(uint8_t pixel) { return float(pixel) / 255.0f; }

/// Uninitialised memory for a batch of that many samples, on their device: pixels x of u8 become f32, all
/// else keeps its type.
Samples empty_batch(const Samples& all, int64_t size);

/// Bytes of one row of x or y.
int64_t row_bytes(const Tensor& all);

/// Where a batch begins in the order of samples.
struct BatchPosition {
  int64_t first = 0;
  // In a recorded step: the position in device memory, from which `first` counts.
  const uint64_t* base = nullptr;

  /// The position as it is at this moment of the device's work.
  DLENGINE_HOST_DEVICE int64_t now() const { return base ? int64_t(base[0]) + first : first; }
};

}  // namespace dlengine
