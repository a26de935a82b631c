// libjpeg leaves its functions by longjmp() where a file is damaged. So each call of it is in a function that
// holds nothing with a destructor, and what must be cleaned up is a Decoder, outside of these functions.
#include "dlengine/data/jpeg.h"

// Each of these uses, and does not include, the one before it.
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

#include <array>
#include <csetjmp>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"

namespace dlengine {

namespace {

struct Decoder {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  std::jmp_buf escape{};
  std::array<char, JMSG_LENGTH_MAX> message{};

  Decoder();
  ~Decoder() { jpeg_destroy_decompress(&jpeg); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Both return false after an error, which is in the message then.
  bool read_header(std::span<const uint8_t> file, J_COLOR_SPACE colors);
  bool read_rows(uint8_t* pixels, size_t row_bytes);
};

[[noreturn]] void leave(j_common_ptr jpeg) {
  auto& decoder = *static_cast<Decoder*>(jpeg->client_data);
  decoder.errors.format_message(jpeg, decoder.message.data());
  std::longjmp(decoder.escape, 1);
}

/// Oddities of files that are good all the same.
bool is_harmless(int warning) {
  return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_JFIF_MAJOR || warning == JWRN_ADOBE_XFORM;
}

/// What else libjpeg repairs is damage; level 0 and above are traces.
void take_message(j_common_ptr jpeg, int level) {
  if (level < 0 && !is_harmless(jpeg->err->msg_code)) leave(jpeg);
}

Decoder::Decoder() {
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = leave;
  errors.emit_message = take_message;
  jpeg.client_data = this;
}

bool Decoder::read_header(std::span<const uint8_t> file, J_COLOR_SPACE colors) {
  if (setjmp(escape) != 0) return false;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, file.data(), file.size());
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = colors;
  jpeg_calc_output_dimensions(&jpeg);
  return true;
}

bool Decoder::read_rows(uint8_t* pixels, size_t row_bytes) {
  if (setjmp(escape) != 0) return false;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = pixels + jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

bool is_jpeg(std::span<const uint8_t> file) {
  return file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff;
}

Tensor read_jpeg(std::span<const uint8_t> file, int64_t channels, int64_t at_most) {
  Decoder decoder;
  const bool header = decoder.read_header(file, channels == 1 ? JCS_GRAYSCALE : JCS_RGB);
  check<IoError>(header, "libjpeg: {}", decoder.message.data());
  const int64_t height = decoder.jpeg.output_height, width = decoder.jpeg.output_width;
  check<IoError>(height <= at_most / width, "the image is {} x {}, need 1 to {} pixels", width, height,
                 at_most);
  Tensor image = empty({height, width, channels}, DType::u8);
  const bool rows = decoder.read_rows(image.data<uint8_t>(), static_cast<size_t>(width * channels));
  check<IoError>(rows, "libjpeg: {}", decoder.message.data());
  return image;
}

}  // namespace dlengine
