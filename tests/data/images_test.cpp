// PGM, PPM and PNG, good and damaged; the drawing in the terminal.
#include "dlengine/data/images.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

using Bytes = std::vector<uint8_t>;

Tensor image_of(const Bytes& pixels, int64_t height, int64_t width) {
  return from_vector(pixels, {height, width});
}

Bytes read_text(const std::string& text) {
  const TempDir dir;
  write_bytes(dir / "image", text);
  return read_image(dir / "image").to_vector<uint8_t>();
}

/// The PNG of an image in one of libpng's simple formats, of red, green and blue where it has a palette.
std::string png_of(const Bytes& pixels, uint32_t height, uint32_t width, uint32_t format,
                   const Bytes& palette = {}) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.height = height;
  png.width = width;
  png.format = format;
  png.colormap_entries = static_cast<uint32_t>(palette.size() / 3);
  png_alloc_size_t bytes = 0;
  png_image_write_to_memory(&png, nullptr, &bytes, 0, pixels.data(), 0, palette.data());
  std::string file(bytes, '\0');
  png_image_write_to_memory(&png, file.data(), &bytes, 0, pixels.data(), 0, palette.data());
  file.resize(bytes);
  return file;
}

TEST(Pgm, ReadsBackWhatWasWritten) {
  const TempDir dir;
  Bytes pixels(256);
  std::iota(pixels.begin(), pixels.end(), 0);
  write_pgm(dir / "a", image_of(pixels, 8, 32));
  EXPECT_EQ(read_bytes(dir / "a").substr(0, 12), "P5\n32 8\n255\n");
  const Tensor image = read_image(dir / "a");
  EXPECT_EQ(dims(image), (std::vector<int64_t>{8, 32}));
  EXPECT_EQ(image.to_vector<uint8_t>(), pixels);
}

TEST(Pgm, ReadsTextCommentsAndOtherDepths) {
  EXPECT_EQ(read_text("P2\n3 1\n255\n0 128 255\n"), (Bytes{0, 128, 255}));
  EXPECT_EQ(read_text("P2 # made by hand\n# width\n2#height\n 2\n15\n0 15\n# row\n7 8"),
            (Bytes{0, 255, 119, 136}));
  EXPECT_EQ(read_text("P5 2 1 1 \1" + std::string(1, '\0')), (Bytes{255, 0}));
  EXPECT_EQ(read_text(std::string("P5 3 1 65535 \xff\xff\0\0\x80\0", 19)), (Bytes{255, 0, 128}));
}

TEST(Png, ReadsGrayColourAndTransparency) {
  const Bytes gray = {0, 1, 127, 128, 254, 255};
  EXPECT_EQ(read_text(png_of(gray, 2, 3, PNG_FORMAT_GRAY)), gray);
  EXPECT_EQ(read_text(png_of({9, 9, 9, 200, 200, 200}, 1, 2, PNG_FORMAT_RGB)), (Bytes{9, 200}));
  const Bytes green_is_lighter = read_text(png_of({0, 255, 0, 0, 0, 255}, 1, 2, PNG_FORMAT_RGB));
  EXPECT_GT(green_is_lighter[0], green_is_lighter[1]);
  EXPECT_EQ(read_text(png_of({0, 255, 0, 0}, 1, 2, PNG_FORMAT_GA)), (Bytes{0, 255}));
}

TEST(Png, InGrayIsItsLuminance) {
  EXPECT_EQ(read_text(png_of({255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 0, 0}, 1, 4, PNG_FORMAT_RGB)),
            (Bytes{76, 150, 29, 60}));
  const Bytes indices = {0, 1}, palette = {200, 0, 0, 9, 9, 9};
  EXPECT_EQ(read_text(png_of(indices, 1, 2, PNG_FORMAT_RGB_COLORMAP, palette)), (Bytes{60, 9}));
}

TEST(Ppm, InGrayIsItsLuminance) {
  EXPECT_EQ(read_text("P3 4 1 255 255 0 0 0 255 0 0 0 255 9 9 9"), (Bytes{76, 150, 29, 9}));
  EXPECT_EQ(read_text(std::string("P6 1 1 255 \x0a\x14\x1e", 14)), Bytes{18});
}

Tensor read_color(const std::string& content) {
  const TempDir dir;
  write_bytes(dir / "image", content);
  return read_color_image(dir / "image");
}

TEST(ColorImages, HaveAPlaneForEachColor) {
  const Bytes planes = {1, 4, 7, 10, 13, 16, 2, 5, 8, 11, 14, 17, 3, 6, 9, 12, 15, 18};
  Bytes pixels(18);
  std::iota(pixels.begin(), pixels.end(), 1);
  for (const std::string& file :
       {"P6 3 2 255 " + std::string(pixels.begin(), pixels.end()), png_of(pixels, 2, 3, PNG_FORMAT_RGB)}) {
    const Tensor image = read_color(file);
    EXPECT_EQ(dims(image), (std::vector<int64_t>{3, 2, 3}));
    EXPECT_EQ(image.to_vector<uint8_t>(), planes);
  }
}

TEST(ColorImages, ReadTextAndOtherDepths) {
  EXPECT_EQ(read_color("P3\n2 1 # wide\n15\n0 1 15  8 0 7\n").to_vector<uint8_t>(),
            (Bytes{0, 136, 17, 0, 255, 119}));
  EXPECT_EQ(read_color(std::string("P6 1 1 65535 \xff\xff\0\0\x80\0", 19)).to_vector<uint8_t>(),
            (Bytes{255, 0, 128}));
}

TEST(ColorImages, OfGrayOnesHaveThreeEqualPlanes) {
  const Bytes gray = {3, 200}, planes = {3, 200, 3, 200, 3, 200};
  EXPECT_EQ(read_color("P5 2 1 255 \3\xc8").to_vector<uint8_t>(), planes);
  EXPECT_EQ(read_color("P2 2 1 255 3 200").to_vector<uint8_t>(), planes);
  EXPECT_EQ(read_color(png_of(gray, 1, 2, PNG_FORMAT_GRAY)).to_vector<uint8_t>(), planes);
}

TEST(ColorImages, LieOnWhiteWhereTheyAreTransparent) {
  EXPECT_EQ(read_color(png_of({10, 20, 30, 255, 10, 20, 30, 0}, 1, 2, PNG_FORMAT_RGBA)).to_vector<uint8_t>(),
            (Bytes{10, 255, 20, 255, 30, 255}));
}

TEST(ColorImages, ThatAreDamagedAreRefusedWithAReason) {
  const TempDir dir;
  const std::string png = png_of(Bytes(12, 9), 2, 2, PNG_FORMAT_RGB);
  for (const auto& [content, message] : std::vector<std::pair<std::string, const char*>>{
           {"", "this is neither a PGM or PPM (P2, P3, P5, P6), nor a PNG or JPEG file"},
           {"P4 1 1 a", "this is neither a PGM"},
           {"P6 2 1 255 abcde", "the image is 2 x 1, but at most 1 pixels follow"},
           {"P6 1 1 256 abcde", "but at most 0 pixels follow"},
           {"P6 1 1 255 abcd", "1 bytes follow the pixels"},
           {"P3 1 1 9 1 2 10", "a pixel is 10, but the largest value is 9"},
           {"P3 1 1 9 1 2     ", "need a number for the pixels at byte"},
           {png.substr(0, png.size() - 1), "cut short"}}) {
    write_bytes(dir / "bad", content);
    expect_throw<IoError>([&] { read_color_image(dir / "bad"); }, {"read_color_image", dir / "bad", message});
  }
  expect_throw<IoError>([&] { read_color_image(dir / "none"); }, {"read_color_image", "No such file"});
}

std::string big_endian(uint32_t number) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 0xff);
  return text;
}

std::string png_chunk(const std::string& name, const std::string& data) {
  const std::string body = name + data;
  const auto checksum =
      static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size()));
  return big_endian(static_cast<uint32_t>(data.size())) + body + big_endian(checksum);
}

TEST(Png, ReadsSixteenBitsWithoutAGammaAsEight) {
  const std::string row =
      std::string("\0\x00\x00\x80\x80\xff\xff\x40\x7f", 9);  // filter 0, then four samples
  std::string packed(100, '\0');
  uLongf size = packed.size();
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                     reinterpret_cast<const Bytef*>(row.data()), row.size()),
            Z_OK);
  packed.resize(size);
  const std::string header = big_endian(4) + big_endian(1) + std::string("\x10\0\0\0\0", 5);  // 16 bits, gray
  EXPECT_EQ(read_text("\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + png_chunk("IDAT", packed) +
                      png_chunk("IEND", "")),
            (Bytes{0, 128, 255, 64}));
}

struct BadImage {
  const char* what;
  std::string content;
  const char* message;
};
void PrintTo(const BadImage& bad, std::ostream* out) { *out << bad.what; }

const BadImage kBad[] = {
    {"empty", "", "neither a PGM or PPM (P2, P3, P5, P6), nor a PNG or JPEG file"},
    {"bitmap", "P4 1 1 a", "neither a PGM"},
    {"colour", "P6 1 1 255 ab", "but at most 0 pixels follow"},
    {"no_width", "P5", "need a number for the width at byte 2"},
    {"negative_width", "P5 -1 1 255 a", "need a number for the width at byte 3"},
    {"no_largest", "P5 1 1", "need a number for the largest value at byte 6"},
    {"largest_0", "P5 1 1 0 a", "the largest value is 0, need 1 to 65535"},
    {"largest_65536", "P5 1 1 65536 ab", "the largest value is 65536"},
    {"no_blank", "P5 1 1 255", "need a blank behind the header"},
    {"no_pixels", "P5 0 0 255 ", "the image is 0 x 0, need 1 to"},
    {"pixels_missing", "P5 2 2 255 abc", "the image is 2 x 2, but at most 3 pixels follow"},
    {"deep_pixels_missing", "P5 2 2 256 abcdefg", "but at most 3 pixels follow"},
    {"absurd", "P5 60000000 60000000 255 abc",
     "the image is 60000000 x 60000000, but at most 3 pixels follow"},
    {"absurd_number", "P5 99999999999999999999999 1 255 a",
     "the number for the width at byte 10 is too large"},
    {"too_bright", "P5 1 1 9 \x0a", "a pixel is 10, but the largest value is 9"},
    {"text_too_bright", "P2 1 1 9 10", "a pixel is 10, but the largest value is 9"},
    {"text_missing", "P2 2 2 9 1 2 3    ", "need a number for the pixels at byte 18"},
    {"text_of_letters", "P2 1 1 9 x", "need a number for the pixels at byte 9"},
    {"more_pixels", "P5 1 1 255 abc", "2 bytes follow the pixels"},
    {"png_signature", "\x89PNG\r\n\x1a\r", "neither a PGM"},
    {"png_nothing_behind", "\x89PNG\r\n\x1a\n", "cut short at byte 8"},
    {"png_and_more", png_of({1, 2, 3, 4}, 2, 2, PNG_FORMAT_GRAY) + "x", "1 bytes follow the PNG image"},
};

class BadImages : public testing::TestWithParam<BadImage> {};

TEST_P(BadImages, AreRefusedWithAReason) {
  const TempDir dir;
  write_bytes(dir / "bad", GetParam().content);
  expect_throw<IoError>([&] { read_image(dir / "bad"); }, {"read_image", dir / "bad", GetParam().message});
}

INSTANTIATE_TEST_SUITE_P(Files, BadImages, testing::ValuesIn(kBad),
                         [](const testing::TestParamInfo<BadImage>& test) { return test.param.what; });

TEST(Png, EveryTruncationAndFlipIsRefused) {
  const TempDir dir;
  Bytes pixels(60);
  std::iota(pixels.begin(), pixels.end(), 100);
  const std::string good = png_of(pixels, 6, 10, PNG_FORMAT_GRAY);
  for (size_t byte = 0; byte < good.size(); ++byte) {
    SCOPED_TRACE(byte);
    write_bytes(dir / "cut", good.substr(0, byte));
    expect_throw<IoError>([&] { read_image(dir / "cut"); }, {dir / "cut"});
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << byte % 8));
    write_bytes(dir / "flip", bad);
    expect_throw<IoError>([&] { read_image(dir / "flip"); }, {dir / "flip"});
  }
}

/// A chunk with a right checksum.
std::string chunk(const std::string& name_and_data) {
  const auto checksum =
      crc32_z(0, reinterpret_cast<const Bytef*>(name_and_data.data()), name_and_data.size());
  return big_endian(static_cast<uint32_t>(name_and_data.size() - 4)) + name_and_data +
         big_endian(static_cast<uint32_t>(checksum));
}

TEST(Png, ChunksWithRightChecksumsAreNotTrustedEither) {
  const TempDir dir;
  const std::string signature = "\x89PNG\r\n\x1a\n";
  const auto header = [](uint32_t width, uint32_t height) {
    return chunk("IHDR" + big_endian(width) + big_endian(height) + std::string("\x08\0\0\0\0", 5));
  };
  const std::string end = chunk("IEND");
  for (const auto& [content, message] : std::vector<std::pair<std::string, const char*>>{
           {signature + end, "libpng"},
           {signature + header(4, 4) + end, "libpng"},
           {signature + header(4, 4) + chunk("IDAT") + end, "libpng"},
           {signature + header(4, 4) + chunk("IDATnonsense") + end, "libpng"},
           {signature + header(0, 4) + chunk("IDAT") + end, "libpng"},
           {signature + header(900'000, 900'000) + chunk("IDAT") + end,
            "the image is 900000 x 900000, need 1 to"}}) {
    write_bytes(dir / "bad", content);
    expect_throw<IoError>([&] { read_image(dir / "bad"); }, {dir / "bad", message});
  }
}

TEST(Images, RefuseWhatIsNoFile) {
  const TempDir dir;
  expect_throw<IoError>([&] { read_image(dir / "none"); }, {dir / "none", "No such file or directory"});
  expect_throw<IoError>([&] { read_image(dir.path()); }, {dir.path(), "Is a directory"});
}

TEST(Images, AreWrittenAndDrawnOnlyIfTheyAreOnes) {
  const TempDir dir;
  expect_throw<ShapeError>(
      [&] {
        write_pgm(dir / "a", zeros({1, 2, 2}, DType::u8));
      },
      {"write_pgm", "[1, 2, 2]"});
  expect_throw<DTypeError>([&] { write_pgm(dir / "a", zeros({2, 2})); }, {"write_pgm", "f32"});
  expect_throw<ShapeError>([] { draw_ascii(zeros({4}, DType::u8)); }, {"draw_ascii", "[4]"});
  expect_throw<IoError>([&] { write_pgm(dir / "none/a", zeros({2, 2}, DType::u8)); }, {dir / "none/a"});
  EXPECT_EQ(dir.entries(), 0u);
}

TEST(DrawAscii, GoesFromBlankToFull) {
  EXPECT_EQ(draw_ascii(image_of({0, 255, 128, 14, 15, 0}, 2, 3)), "  @@++\n  ..  \n");
}

}  // namespace
}  // namespace dlengine::test
