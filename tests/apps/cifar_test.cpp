// cifar_cnn and predict on colour images, from small files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/apps/process.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

void write_files(const std::string& folder, const std::string& records) {
  for (const char* name :
       {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"}) {
    write_bytes(folder + "/" + name + ".bin", records);
  }
}

/// An image of one colour for each class.
std::string colors() {
  std::string records;
  for (int label = 0; label < 10; ++label) {
    records += static_cast<char>(label);
    for (int plane = 0; plane < 3; ++plane)
      records += std::string(1024, static_cast<char>(label * (20 + plane)));
  }
  return records;
}

/// Images that are bright on one side; the class is the side.
std::string sides() {
  const std::string half[] = {std::string(16, '\xc8'), std::string(16, '\x32')};
  std::string records;
  for (size_t image = 0; image < 20; ++image) {
    records += static_cast<char>(image % 2);
    for (int row = 0; row < 3 * 32; ++row) records += half[image % 2] + half[1 - image % 2];
  }
  return records;
}

TEST(CifarCnn, TrainsAndItsWeightsPredict) {
  const TempDir dir;
  write_files(dir.path(), colors());
  const Finished trained = run({"cifar_cnn",
                                {"--data", dir.path(), "--epochs", "1", "--batch-size", "25", "--device",
                                 "cpu", "--threads", "2", "--save", dir / "weights"}});
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_THAT(trained.out,
              HasSubstr("data: cifar10 from " + dir.path() + ": 50 training and 10 test images"));
  EXPECT_THAT(trained.out, HasSubstr("Normalize(3 channels)"));
  EXPECT_THAT(trained.out, HasSubstr("result dataset=cifar10 model=cifar_cnn recipe=default epochs=1 "));

  write_bytes(dir / "image.ppm", "P6 32 32 255\n" + std::string(3072, 'a'));
  const Finished image = run({"predict", {"--load", dir / "weights", "--device", "cpu", dir / "image.ppm"}});
  EXPECT_EQ(image.code, 0) << image.err;
  EXPECT_THAT(image.out, ContainsRegex("\n +airplane +[0-9.]+ % "));
  const Finished number =
      run({"predict", {"--load", dir / "weights", "--device", "cpu", "--data", dir.path(), "--index", "3"}});
  EXPECT_EQ(number.code, 0) << number.err;
  EXPECT_THAT(number.out, HasSubstr(", label: cat\n"));

  write_bytes(dir / "small.ppm", "P6 28 28 255\n" + std::string(3 * 28 * 28, 'a'));
  const Finished small = run({"predict", {"--load", dir / "weights", "--device", "cpu", dir / "small.ppm"}});
  EXPECT_EQ(small.code, 1);
  EXPECT_THAT(small.err, HasSubstr("small.ppm is 28 x 28 pixels: need 32 x 32"));
}

// So it cannot learn on which side an image is bright, which is easy otherwise: a loss of 0.
TEST(CifarCnn, FlipsItsTrainingImages) {
  const TempDir dir;
  write_files(dir.path(), sides());
  const Finished trained = run(
      {"cifar_cnn",
       {"--data", dir.path(), "--epochs", "4", "--batch-size", "20", "--device", "cpu", "--threads", "2"}});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const std::string key = "test_loss=";
  const size_t found = trained.out.find(key);
  ASSERT_NE(found, trained.out.npos) << trained.out;
  EXPECT_GT(std::stod(trained.out.substr(found + key.size())), 0.3) << trained.out;
}

TEST(CifarCnn, TakesNoOtherDataSetAndNoneInItsPlace) {
  const TempDir dir;
  EXPECT_EQ(run({"cifar_cnn", {"--dataset", "mnist"}}).code, 2);
  EXPECT_EQ(run({"mnist_cnn", {"--dataset", "cifar10"}}).code, 2);
  const Finished missing = run({"cifar_cnn", {"--data", dir.path(), "--epochs", "1"}});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, HasSubstr("load_cifar10: cifar10 was not found"));
}

}  // namespace
}  // namespace dlengine::test
