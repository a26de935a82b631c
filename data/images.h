// Images from files; gray ones to files, and in the terminal.
#pragma once

#include <string>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// The image in a PGM, PPM (P2, P3, P5, P6), PNG or JPEG file: u8 [H, W], 0 is black. Deeper images are
/// rounded to 8 bits, colours become their luminance, transparent parts are laid on white; how a camera was
/// held (EXIF) is not looked at. Formats: netpbm's pgm(5) and ppm(5), PNG 1.2 with its checksums checked,
/// JPEG but for the colours of printers (CMYK). Throws IoError that names the file for anything else, damaged
/// files included.
Tensor read_image(const std::string& path);

/// The image in such a file in its colours: u8 [3, H, W], which are red, green and blue; a gray one has three
/// equal parts. Plain loops on this thread, as Dataset::get() needs.
Tensor read_color_image(const std::string& path);

/// Writes u8 [H, W] as binary PGM, whole or not at all. Throws ShapeError, DTypeError, IoError.
void write_pgm(const std::string& path, const Tensor& image);

/// The image u8 [H, W] as text, one line per row and two characters per pixel, which is about square in a
/// terminal: blank for 0 to '@' for 255. Throws ShapeError, DTypeError.
std::string draw_ascii(const Tensor& image);

}  // namespace dlengine
