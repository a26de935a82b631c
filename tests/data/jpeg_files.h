// JPEG files, made for tests.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <jpeglib.h>

namespace dlengine::test {

struct JpegOptions {
  J_COLOR_SPACE colors = JCS_GRAYSCALE;  // of the pixels
  int quality = 100;
  bool progressive = false;
};

/// As cjpeg(1) does it, without fewer samples for the colours than for the brightness.
inline std::string jpeg_of(const std::vector<uint8_t>& pixels, unsigned height, unsigned width,
                           const JpegOptions& options = {}) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_height = height;
  jpeg.image_width = width;
  jpeg.input_components = static_cast<int>(pixels.size() / height / width);
  jpeg.in_color_space = options.colors;
  jpeg_set_defaults(&jpeg);
  jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
  jpeg_set_quality(&jpeg, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  const size_t row_bytes = pixels.size() / height;
  while (jpeg.next_scanline < height) {
    auto* row = const_cast<JSAMPROW>(pixels.data() + jpeg.next_scanline * row_bytes);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string file(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&jpeg);
  std::free(bytes);
  return file;
}

}  // namespace dlengine::test
