// Internal: pixels of JPEG files.
#pragma once

#include <cstdint>
#include <span>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// True for bytes that begin as a JPEG file does.
bool is_jpeg(std::span<const uint8_t> file);

/// u8 [H, W, channels], where 1 channel is the luminance and 3 are red, green and blue. How a camera was held
/// (EXIF) is not looked at. Throws IoError for a file that is damaged or has more pixels than at_most, and
/// for colours of printers (CMYK).
Tensor read_jpeg(std::span<const uint8_t> file, int64_t channels, int64_t at_most);

}  // namespace dlengine
