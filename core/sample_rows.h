// Copying single samples on the CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dlengine/core/samples.h"

namespace dlengine {

/// The rows of one tensor of samples, and where those of a batch go, both in host memory.
class SampleRows {
 public:
  /// batch: of all's type, or f32 for pixels of u8, as empty_batch() makes it.
  SampleRows(const Tensor& all, Tensor& batch)
      : all_(static_cast<const std::byte*>(all.raw())),
        batch_(static_cast<std::byte*>(batch.raw())),
        bytes_(row_bytes(all)),
        pixels_(batch.dtype() != all.dtype()) {}

  /// Of a row of `all`.
  int64_t bytes() const { return bytes_; }

  /// Row `number` of the batch becomes that row of all.
  void take(int64_t row, int64_t number) const {
    const std::byte* source = all_ + row * bytes_;
    if (pixels_) {
      float* target = reinterpret_cast<float*>(batch_) + number * bytes_;
      for (int64_t i = 0; i < bytes_; ++i) target[i] = pixel_value(static_cast<uint8_t>(source[i]));
    } else if (bytes_ > 0) {
      std::memcpy(batch_ + number * bytes_, source, static_cast<size_t>(bytes_));
    }
  }

 private:
  const std::byte* all_;
  std::byte* batch_;
  int64_t bytes_;
  bool pixels_;
};

}  // namespace dlengine
