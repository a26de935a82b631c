// PGM and PPM by hand; JPEG by libjpeg; PNG by libpng's simplified interface, after every chunk was checked.
#include "dlengine/data/images.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/data/byte_stream.h"
#include "dlengine/data/jpeg.h"

namespace dlengine {

namespace {

using Bytes = std::span<const uint8_t>;

constexpr int64_t kMaxPixels = int64_t{1} << 26;  // refuse to allocate for more

/// u8 [H, W, channels]: the samples of a pixel lie side by side, as in files.
Tensor empty_image(int64_t height, int64_t width, int64_t channels) {
  check<IoError>(height > 0 && width > 0 && height <= kMaxPixels / width,
                 "the image is {} x {}, need 1 to {} pixels", width, height, kMaxPixels);
  return empty({height, width, channels}, DType::u8);
}

// PGM and PPM

class PnmReader {
 public:
  explicit PnmReader(Bytes file) : file_(file) {}

  Tensor read() {
    const bool is_text = file_[1] == '2' || file_[1] == '3';
    const int64_t channels = file_[1] == '3' || file_[1] == '6' ? 3 : 1;
    position_ = 2;
    const int64_t width = number("width"), height = number("height");
    largest_ = number("largest value");
    check<IoError>(1 <= largest_ && largest_ <= 65535, "the largest value is {}, need 1 to 65535", largest_);
    if (!is_text) skip_one_blank();
    // The bytes that must follow bound what a damaged header can ask for.
    const int64_t bytes_per_sample = is_text || largest_ < 256 ? 1 : 2;
    const auto left = static_cast<int64_t>(file_.size() - position_);
    check_size(height, width, left / (bytes_per_sample * channels));
    Tensor image = empty_image(height, width, channels);
    auto* samples = image.data<uint8_t>();
    for (int64_t i = 0; i < image.numel(); ++i) {
      samples[i] = to_8_bits(is_text ? number("pixels") : sample(bytes_per_sample));
    }
    skip_blanks();
    check<IoError>(position_ == file_.size(), "{} bytes follow the pixels", file_.size() - position_);
    return image;
  }

 private:
  static bool is_blank(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }
  static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

  static void check_size(int64_t height, int64_t width, int64_t at_most) {
    check<IoError>(width <= 0 || height <= at_most / width,
                   "the image is {} x {}, but at most {} pixels follow", width, height, at_most);
  }

  bool at(bool (*kind)(uint8_t)) const { return position_ < file_.size() && kind(file_[position_]); }

  void skip_one_blank() {
    check<IoError>(at(is_blank), "need a blank behind the header");
    ++position_;
  }

  /// Blanks, and comments from # to the end of the line.
  void skip_blanks() {
    while (at(is_blank) || at([](uint8_t byte) { return byte == '#'; })) {
      if (file_[position_] == '#') {
        while (position_ < file_.size() && file_[position_] != '\n') ++position_;
      } else {
        ++position_;
      }
    }
  }

  int64_t number(const char* what) {
    skip_blanks();
    check<IoError>(at(is_digit), "need a number for the {} at byte {}", what, position_);
    int64_t value = 0;
    for (; at(is_digit); ++position_) {
      value = value * 10 + (file_[position_] - '0');
      check<IoError>(value <= kMaxPixels, "the number for the {} at byte {} is too large", what, position_);
    }
    return value;
  }

  int64_t sample(int64_t bytes) {
    int64_t value = file_[position_++];
    if (bytes == 2) value = value << 8 | file_[position_++];
    return value;
  }

  uint8_t to_8_bits(int64_t value) const {
    check<IoError>(value <= largest_, "a pixel is {}, but the largest value is {}", value, largest_);
    return static_cast<uint8_t>((value * 255 + largest_ / 2) / largest_);
  }

  Bytes file_;
  size_t position_ = 0;
  int64_t largest_ = 0;
};

// PNG

constexpr std::array<uint8_t, 8> kPngSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

uint32_t big_endian(Bytes bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
}

/// Walks over the chunks: length, name, data, checksum; the last is IEND. libpng stops at the last row and
/// would not see damage behind it.
void check_chunks(Bytes file) {
  constexpr size_t kFrame = 12;  // length, name and checksum
  size_t position = kPngSignature.size();
  bool ended = false;
  while (!ended) {
    check<IoError>(file.size() - position >= kFrame, "the PNG file is cut short at byte {}", file.size());
    const size_t length = big_endian(file.subspan(position));
    check<IoError>(length <= file.size() - position - kFrame, "the PNG chunk at byte {} is cut short",
                   position);
    const Bytes name_and_data = file.subspan(position + 4, 4 + length);
    const auto checksum = crc32_z(0, name_and_data.data(), name_and_data.size());
    check<IoError>(checksum == big_endian(file.subspan(position + 8 + length)),
                   "the PNG chunk at byte {} has a wrong checksum", position);
    ended = std::equal(name_and_data.begin(), name_and_data.begin() + 4, "IEND");
    position += kFrame + length;
  }
  check<IoError>(position == file.size(), "{} bytes follow the PNG image", file.size() - position);
}

/// png_image with its clean-up.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(this); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
};

/// Gray only if the file is: libpng's gray of a colour is another one than luminance_of().
Tensor read_png(Bytes file) {
  check_chunks(file);
  PngImage png;
  check<IoError>(png_image_begin_read_from_memory(&png, file.data(), file.size()) != 0, "libpng: {}",
                 png.message);
  const bool color = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
  Tensor image = empty_image(png.height, png.width, color ? 3 : 1);
  png.format = color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // samples of 16 bits mean what those of 8 do
  constexpr png_color kWhite = {255, 255, 255};
  const int ok = png_image_finish_read(&png, &kWhite, image.raw(), 0, nullptr);
  check<IoError>(ok != 0, "libpng: {}", png.message);
  return image;
}

bool is_pnm(Bytes file) {
  constexpr std::string_view kKinds = "2356";
  return file.size() >= 2 && file[0] == 'P' && kKinds.find(static_cast<char>(file[1])) != kKinds.npos;
}

bool is_png(Bytes file) {
  return file.size() >= kPngSignature.size() &&
         std::equal(kPngSignature.begin(), kPngSignature.end(), file.begin());
}

/// The luminance of red, green and blue, as JPEG has it (ITU-R BT.601): u8 [H, W, 1].
Tensor luminance_of(const Tensor& image) {
  Tensor gray = empty({image.dim(0), image.dim(1), 1}, DType::u8);
  const auto* color = image.data<uint8_t>();
  auto* pixel = gray.data<uint8_t>();
  for (int64_t i = 0; i < gray.numel(); ++i, color += 3) {
    pixel[i] = static_cast<uint8_t>((299 * color[0] + 587 * color[1] + 114 * color[2] + 500) / 1000);
  }
  return gray;
}

/// u8 [H, W, 1], or [H, W, 1 or 3] if asked for 3 channels. Errors name `who` and the file.
Tensor read(const char* who, const std::string& path, int64_t channels) try {
  const std::vector<uint8_t> file = read_file(path);
  if (is_jpeg(file)) return read_jpeg(file, channels, kMaxPixels);
  const bool pnm = is_pnm(file);
  check<IoError>(pnm || is_png(file),
                 "this is neither a PGM or PPM (P2, P3, P5, P6), nor a PNG or JPEG file");
  const Tensor image = pnm ? PnmReader(file).read() : read_png(file);
  return image.dim(2) > channels ? luminance_of(image) : image;
} catch (Error& error) {
  error.add_context(fmt::format("{}: {}", who, path));
  throw;
}

void check_image(const char* where, const Tensor& image) {
  check<ShapeError>(image.rank() == 2, "{}: need an image [H, W], got {}", where, image.shape());
  check<DTypeError>(image.dtype() == DType::u8, "{}: need an image of u8, got {}", where, image.dtype());
}

}  // namespace

Tensor read_image(const std::string& path) {
  const Tensor image = read("read_image", path, 1);
  return image.reshape({image.dim(0), image.dim(1)});
}

Tensor read_color_image(const std::string& path) {
  const Tensor image = read("read_color_image", path, 3);
  const int64_t pixels = image.dim(0) * image.dim(1), channels = image.dim(2);
  Tensor planes = empty({3, image.dim(0), image.dim(1)}, DType::u8);
  const auto* samples = image.data<uint8_t>();
  auto* plane = planes.data<uint8_t>();
  for (int64_t color = 0; color < 3; ++color, plane += pixels) {
    const int64_t channel = std::min(color, channels - 1);
    for (int64_t i = 0; i < pixels; ++i) plane[i] = samples[i * channels + channel];
  }
  return planes;
}

void write_pgm(const std::string& path, const Tensor& image) {
  check_image("write_pgm", image);
  const Tensor pixels = image.to(kCpu).contiguous();
  const std::string header = fmt::format("P5\n{} {}\n255\n", image.dim(1), image.dim(0));
  AtomicFile file(path);
  file.write(header.data(), header.size());
  file.write(pixels.raw(), static_cast<size_t>(pixels.numel()));
  file.commit();
}

std::string draw_ascii(const Tensor& image) {
  check_image("draw_ascii", image);
  constexpr std::string_view kInk = " .:-=+*#%@";
  const Tensor pixels = image.to(kCpu).contiguous();
  const auto* pixel = pixels.data<uint8_t>();
  std::string text;
  for (int64_t row = 0; row < image.dim(0); ++row) {
    for (int64_t column = 0; column < image.dim(1); ++column) {
      text.append(2, kInk[(*pixel++ * (kInk.size() - 1) + 127) / 255]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace dlengine
