// JPEG files, good and damaged.
#include "tests/data/jpeg_files.h"

#include <cmath>
#include <string>
#include <vector>

#include "dlengine/core/error.h"
#include "dlengine/data/images.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

using Bytes = std::vector<uint8_t>;

Tensor read_gray(const std::string& content) {
  const TempDir dir;
  write_bytes(dir / "image", content);
  return read_image(dir / "image");
}

Tensor read_color(const std::string& content) {
  const TempDir dir;
  write_bytes(dir / "image", content);
  return read_color_image(dir / "image");
}

/// Smooth, so that little is lost.
Bytes slope(unsigned height, unsigned width) {
  Bytes pixels;
  for (unsigned y = 0; y < height; ++y) {
    for (unsigned x = 0; x < width; ++x) pixels.push_back(static_cast<uint8_t>(20 + 5 * y + 3 * x));
  }
  return pixels;
}

Bytes filled(size_t count, const Bytes& pixel) {
  Bytes pixels;
  for (size_t i = 0; i < count; ++i) pixels.insert(pixels.end(), pixel.begin(), pixel.end());
  return pixels;
}

void expect_near(const Bytes& got, const Bytes& want, int most) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], most) << i;
}

TEST(Jpeg, ReadsGrayOfEverySize) {
  for (const auto& [height, width] :
       std::vector<std::pair<unsigned, unsigned>>{{1, 1}, {8, 8}, {17, 3}, {5, 33}}) {
    for (const bool progressive : {false, true}) {
      const Bytes pixels = slope(height, width);
      const Tensor image = read_gray(jpeg_of(pixels, height, width, {.progressive = progressive}));
      EXPECT_EQ(dims(image), (std::vector<int64_t>{height, width}));
      expect_near(image.to_vector<uint8_t>(), pixels, 1);
    }
  }
}

TEST(Jpeg, ReadsColours) {
  const std::string file = jpeg_of(filled(6, {200, 100, 50}), 2, 3, {.colors = JCS_RGB});
  const Tensor image = read_color(file);
  EXPECT_EQ(dims(image), (std::vector<int64_t>{3, 2, 3}));
  Bytes planes = filled(6, {200});
  planes.resize(12, 100);
  planes.resize(18, 50);
  expect_near(image.to_vector<uint8_t>(), planes, 2);
  const double luminance = 0.299 * 200 + 0.587 * 100 + 0.114 * 50;
  expect_near(read_gray(file).to_vector<uint8_t>(), filled(6, {static_cast<uint8_t>(std::lround(luminance))}),
              1);
}

TEST(Jpeg, AGrayOneHasThreeEqualPlanes) {
  const Bytes pixels = slope(4, 5);
  Bytes planes;
  for (int plane = 0; plane < 3; ++plane) planes.insert(planes.end(), pixels.begin(), pixels.end());
  expect_near(read_color(jpeg_of(pixels, 4, 5)).to_vector<uint8_t>(), planes, 1);
}

TEST(Jpeg, OdditiesOfGoodFilesAreTaken) {
  const Bytes pixels = slope(9, 9);
  const std::string good = jpeg_of(pixels, 9, 9), end = good.substr(good.size() - 2);
  const std::string zeros_before_the_end = good.substr(0, good.size() - 2) + std::string(100, '\0') + end;
  std::string version_2 = good;
  version_2[version_2.find("JFIF") + 5] = 2;
  EXPECT_EQ(read_gray(zeros_before_the_end).to_vector<uint8_t>(), read_gray(good).to_vector<uint8_t>());
  EXPECT_EQ(read_gray(version_2).to_vector<uint8_t>(), read_gray(good).to_vector<uint8_t>());
  // For the segment of JFIF, of 18 bytes, one of Adobe with an unknown transformation of the colours.
  std::string adobe = jpeg_of(filled(6, {200, 100, 50}), 2, 3, {.colors = JCS_RGB});
  const auto want = read_color(adobe).to_vector<uint8_t>();
  adobe.replace(2, 18,
                std::string("\xff\xee\0\x0e"
                            "Adobe\0\x64\0\0\0\0\7",
                            16));
  EXPECT_EQ(read_color(adobe).to_vector<uint8_t>(), want);
}

TEST(Jpeg, EveryTruncationIsRefused) {
  const TempDir dir;
  for (const bool progressive : {false, true}) {
    const std::string good = jpeg_of(slope(20, 20), 20, 20, {.quality = 60, .progressive = progressive});
    for (size_t length = 0; length < good.size(); ++length) {
      SCOPED_TRACE(length);
      write_bytes(dir / "cut", good.substr(0, length));
      expect_throw<IoError>([&] { read_image(dir / "cut"); }, {"read_image: " + (dir / "cut")});
    }
  }
}

TEST(Jpeg, DamageIsNamed) {
  const std::string good = jpeg_of(slope(20, 20), 20, 20);
  const std::string frame = "\xff\xc0";  // then the length of the segment, 8 bits, height and width
  const auto with = [&](size_t behind, const std::string& bytes) {
    std::string bad = good;
    return bad.replace(bad.find(frame) + behind, bytes.size(), bytes);
  };
  const std::string printer = jpeg_of(filled(4, {1, 2, 3, 4}), 2, 2, {.colors = JCS_CMYK});
  for (const auto& [content, message] : std::vector<std::pair<std::string, const char*>>{
           {good.substr(0, 3), "libjpeg: Premature end of JPEG file"},
           {good.substr(0, good.size() - 20), "libjpeg: Premature end of JPEG file"},
           {with(5, "\xff\xdc\xff\xdc"), "the image is 65500 x 65500, need 1 to 67108864 pixels"},
           {with(7, std::string(2, '\0')), "libjpeg: "},
           {with(4, "\x0c"), "libjpeg: Unsupported JPEG data precision 12"},
           {printer, "libjpeg: Unsupported color conversion request"}}) {
    expect_throw<IoError>([&, &content = content] { read_color(content); }, {"read_color_image: ", message});
  }
}

TEST(Jpeg, FlippedBytesAreReadOrRefused) {
  const std::string good = jpeg_of(slope(12, 12), 12, 12, {.progressive = true});
  for (size_t byte = 0; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ 0x24);
    try {
      read_gray(bad);
    } catch (const IoError&) {
    }
  }
}

}  // namespace
}  // namespace dlengine::test
