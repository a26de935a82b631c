// Folders of images, and images of another size.
#include "dlengine/data/image_folder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/interpolate.h"
#include "dlengine/data/loader.h"
#include "dlengine/data/resize_image.h"
#include "tests/data/files.h"
#include "tests/data/jpeg_files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

namespace fs = std::filesystem;
using Floats = std::vector<float>;
using Longs = std::vector<int64_t>;

Tensor some_image(const Shape& shape) { return rand(shape, 0, 256).to(DType::u8); }

Tensor resized(const Tensor& image, Size2 size) {
  Tensor result = empty({image.dim(0), size.h, size.w});
  resize_image(image, size, result.data<float>());
  return result;
}

TEST(ResizeImage, KeepsTheSizeExactly) {
  const Tensor image = some_image({3, 5, 7});
  const Floats got = resized(image, {5, 7}).to_vector<float>();
  const auto bytes = image.to_vector<uint8_t>();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], static_cast<float>(bytes[i] / 255.0));
}

TEST(ResizeImage, EnlargesAsInterpolateDoes) {
  for (const Size2 size : {Size2{9, 7}, Size2{5, 20}, Size2{64, 64}}) {
    const Tensor image = some_image({3, 5, 7});
    const Tensor want = interpolate((image.to(DType::f32) / 255.0).unsqueeze(0),
                                    {.size = size, .mode = InterpolateMode::bilinear});
    const Floats got = resized(image, size).to_vector<float>(), expected = want.to_vector<float>();
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-6) << i;
  }
}

/// Of pixels in a row, by the definition.
double mixed(const std::vector<uint8_t>& row, double scale, double middle) {
  double sum = 0, weights = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    const double weight =
        std::max(0.0, 1 - std::abs(static_cast<double>(i) + 0.5 - middle) / std::max(scale, 1.0));
    sum += weight * row[i] / 255;
    weights += weight;
  }
  return sum / weights;
}

TEST(ResizeImage, SmoothsWhatGetsSmaller) {
  for (const int64_t width : {7, 8, 33}) {
    for (const int64_t to : {1, 2, 3, 5}) {
      const Tensor row = some_image({1, 1, width}), column = row.reshape({1, width, 1});
      const Floats across = resized(row, {1, to}).to_vector<float>(),
                   down = resized(column, {to, 1}).to_vector<float>();
      const double scale = static_cast<double>(width) / static_cast<double>(to);
      for (int64_t i = 0; i < to; ++i) {
        const double want = mixed(row.to_vector<uint8_t>(), scale, (static_cast<double>(i) + 0.5) * scale);
        EXPECT_NEAR(across[static_cast<size_t>(i)], want, 1e-6);
        EXPECT_NEAR(down[static_cast<size_t>(i)], want, 1e-6);
      }
    }
  }
  const Tensor halves = from_vector(std::vector<uint8_t>{0, 0, 255, 255}, {1, 1, 4});  // weights 3 3 1 of 7
  const Floats half = resized(halves, {1, 2}).to_vector<float>();
  EXPECT_NEAR(half[0], 1.0 / 7, 1e-6);
  EXPECT_NEAR(half[1], 6.0 / 7, 1e-6);
}

std::string pgm(int value, int height = 2, int width = 2) {
  return "P5 " + std::to_string(width) + " " + std::to_string(height) + " 255\n" +
         std::string(static_cast<size_t>(height * width), static_cast<char>(value));
}

class Folders : public testing::Test {
 protected:
  void add(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(dir_ / path).parent_path());
    write_bytes(dir_ / path, content);
  }
  ImageFolder gray(Size2 size = 2) const { return {dir_.path(), {.size = size, .color = false}}; }

  TempDir dir_;
};

TEST_F(Folders, AreClassesInTheOrderOfTheirNames) {
  add("dog/1.pgm", pgm(51));
  add("cat/b.PGM", pgm(102));
  add("cat/a.jpg", jpeg_of(std::vector<uint8_t>(4, 153), 2, 2));
  add("cat/below/c.JPEG", jpeg_of(std::vector<uint8_t>(4, 204), 2, 2));
  add("cat/notes.txt", "no image");
  add("cat/.hidden.pgm", "no image");
  add(".git/x.pgm", "no image");
  add("readme.pgm", "no image of a class");
  const ImageFolder folder = gray();
  EXPECT_EQ(folder.class_names(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(folder.size(), 4);
  EXPECT_FALSE(folder.in_memory());
  const std::vector<std::string> files = {"cat/a.jpg", "cat/b.PGM", "cat/below/c.JPEG", "dog/1.pgm"};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(folder.file(static_cast<int64_t>(i)), dir_ / files[i]);
  const Batch batch = folder.get(Longs{3, 0, 1, 2});
  EXPECT_EQ(dims(batch.x), (Longs{4, 1, 2, 2}));
  EXPECT_EQ(batch.y.to_vector<int64_t>(), (Longs{1, 0, 0, 0}));
  const Floats pixels = batch.x.to_vector<float>();
  for (size_t i = 0; i < pixels.size(); ++i)
    EXPECT_FLOAT_EQ(pixels[i], Floats({0.2f, 0.6f, 0.4f, 0.8f})[i / 4]);
}

TEST_F(Folders, GiveOneSizeInColourOrGray) {
  add("only/wide.ppm", "P6 4 1 255\n" + std::string("\xff\0\0\xff\0\0\xff\0\0\xff\0\0", 12));
  add("only/tall.pgm", pgm(255, 9, 3));
  const ImageFolder color(dir_.path(), {.size = {3, 5}});
  EXPECT_EQ(color.class_names().size(), 1u);
  const Batch batch = color.get(Longs{0, 1});
  EXPECT_EQ(dims(batch.x), (Longs{2, 3, 3, 5}));
  const Floats pixels = batch.x.to_vector<float>();
  for (size_t i = 0; i < pixels.size(); ++i) EXPECT_NEAR(pixels[i], i < 60 ? 1 : 0, 1e-6) << i;
  EXPECT_EQ(dims(gray({7, 1}).get(Longs{1}).x), (Longs{1, 1, 7, 1}));
  EXPECT_EQ(dims(color.get({}).x), (Longs{0, 3, 3, 5}));
}

TEST_F(Folders, AreSplitAndLoaded) {
  for (int i = 0; i < 10; ++i) {
    add("a/" + std::to_string(i) + ".pgm", pgm(i));
    add("b/" + std::to_string(i) + ".pgm", pgm(100 + i));
  }
  const ImageFolder folder = gray(1);
  const Split parts = random_split(folder, 0.2, 7);
  EXPECT_EQ(parts.train.size(), 16);
  EXPECT_EQ(parts.validation.size(), 4);
  std::vector<int> seen;
  for (const Selection* part : {&parts.train, &parts.validation}) {
    Loader loader(*part, {.batch_size = 3, .shuffle = true});
    for (Batch batch; loader.next(batch);) {
      const Floats pixels = batch.x.to_vector<float>();
      const auto labels = batch.y.to_vector<int64_t>();
      for (size_t i = 0; i < pixels.size(); ++i) {
        seen.push_back(static_cast<int>(std::lround(pixels[i] * 255)));
        EXPECT_EQ(labels[i], seen.back() >= 100 ? 1 : 0);
      }
    }
  }
  std::ranges::sort(seen);
  std::vector<int> want(20);
  for (int i = 0; i < 20; ++i) want[static_cast<size_t>(i)] = i < 10 ? i : 90 + i;
  EXPECT_EQ(seen, want);
}

TEST_F(Folders, ThatHoldNoImagesAreRefused) {
  expect_throw<IoError>([&] { gray(); }, {"ImageFolder: " + dir_.path() + " has no sub-folders"});
  fs::create_directories(dir_ / "cat");
  add("dog/a.webp", "RIFF");
  add("cat/a.pgm", pgm(1));
  expect_throw<IoError>(
      [&] { gray(); }, {"ImageFolder: " + (dir_ / "dog") + " has no image", ".png, .jpg, .jpeg, .pgm, .ppm"});
  expect_throw<IoError>([&] { ImageFolder(dir_ / "none", {.size = 1}); },
                        {"ImageFolder: cannot read the folder " + (dir_ / "none"), "No such file"});
  expect_throw<ValueError>([&] { gray({0, 3}); }, {"ImageFolder: need a size of 1 x 1 or more, got 0 x 3"});
  expect_throw<ValueError>([&] { ImageFolder(dir_.path(), {}); }, {"got 0 x 0"});
}

TEST_F(Folders, FollowLinksButNotToWhereTheyCameFrom) {
  add("cat/a.pgm", pgm(1));
  add(".store/b.pgm", pgm(2));
  fs::create_directory_symlink(dir_ / ".store", dir_ / "cat/more");
  fs::create_directory_symlink(dir_ / ".store", dir_ / "dog");
  const ImageFolder folder = gray();
  ASSERT_EQ(folder.size(), 3);
  EXPECT_EQ(folder.file(1), dir_ / "cat/more/b.pgm");
  EXPECT_EQ(folder.file(2), dir_ / "dog/b.pgm");
  for (const auto& [link, target] : std::vector<std::pair<const char*, const char*>>{
           {"cat/self", "."}, {"cat/up", ".."}, {"self", "."}, {".store/round", "../cat"}}) {
    fs::create_directory_symlink(target, dir_ / link);
    expect_throw<IoError>([&] { gray(); }, {"ImageFolder: ", "leads back to a folder that it is in, "});
    fs::remove(dir_ / link);
  }
  fs::create_directory_symlink("..", dir_ / "cat/up");
  fs::create_directory_symlink(".", dir_ / "cat/self");  // with two of them the ways are without number
  expect_throw<IoError>([&] { gray(); }, {(dir_ / "cat/self") + " leads back to"});
}

TEST_F(Folders, AFileThatIsNoImageIsNamed) {
  add("a/good.pgm", pgm(1));
  add("a/bad.png", "no image at all");
  const ImageFolder folder = gray();
  EXPECT_EQ(folder.get(Longs{1}).size(), 1);
  expect_throw<IoError>([&] { folder.get(Longs{0}); }, {dir_ / "a/bad.png", "neither a PGM"});
  Loader loader(folder, {.batch_size = 1});
  Batch batch;
  expect_throw<IoError>([&] { loader.next(batch); }, {dir_ / "a/bad.png"});
  expect_throw<ValueError>([&] { folder.get(Longs{2}); },
                           {"ImageFolder: sample 2 is out of range, need 0 to 1"});
  expect_throw<ValueError>([&] { folder.get(Longs{-1}); }, {"sample -1"});
  for (const int64_t index : {-1, 2}) {
    expect_throw<ValueError>([&] { folder.file(index); },
                             {"ImageFolder: sample " + std::to_string(index) + " is out of range"});
  }
}

}  // namespace
}  // namespace dlengine::test
