// CIFAR from small files of the right form, from damaged ones, and from the real ones.
#include "dlengine/data/cifar.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/error.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

namespace fs = std::filesystem;

/// A record whose planes are filled with red, red + 1 and red + 2.
std::string record(const std::string& labels, int red) {
  std::string bytes = labels;
  for (int plane = 0; plane < 3; ++plane) bytes += std::string(1024, static_cast<char>(red + plane));
  return bytes;
}

std::string label(int number) { return {static_cast<char>(number)}; }

std::vector<std::pair<std::string, std::string>> files10() {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 1; i <= 5; ++i) {
    files.emplace_back("data_batch_" + std::to_string(i) + ".bin",
                       record(label(i), 10 * i) + record(label(9), 10 * i + 5));
  }
  files.emplace_back("test_batch.bin", record(label(0), 250));
  return files;
}

void write_files10(const std::string& folder) {
  fs::create_directories(folder);
  for (const auto& [name, content] : files10()) write_bytes(folder + "/" + name, content);
}

std::string archive10() {
  std::string bytes = tar_entry("cifar-10-batches-bin/", "", '5') +
                      tar_entry("cifar-10-batches-bin/batches.meta.txt", "airplane\n");
  for (const auto& [name, content] : files10()) bytes += tar_entry("cifar-10-batches-bin/" + name, content);
  return gzip(bytes + tar_end());
}

void write_files100(const std::string& folder) {
  fs::create_directories(folder);
  write_bytes(folder + "/train.bin", record({19, 99}, 1) + record({0, 7}, 2));
  write_bytes(folder + "/test.bin", record({4, 0}, 3));
}

std::vector<int64_t> labels_of(const TensorDataset& part) { return part.y().to_vector<int64_t>(); }

class Cifar : public testing::Test {
 protected:
  DataPlaces places(const std::string& data_dir) const {
    return {.data_dir = data_dir, .cache_dir = dir_ / "cache", .download = false};
  }

  TempDir dir_;
  ScopedEnvironment no_data_{"DLENGINE_DATA_DIR", nullptr};
};

TEST_F(Cifar, ReadsTheFilesInTheirOrder) {
  write_files10(dir_ / "cifar10");
  const ImageDataset set = load_cifar10(places(dir_.path()));
  EXPECT_EQ(dims(set.train.x()), (std::vector<int64_t>{10, 3, 32, 32}));
  EXPECT_EQ(set.train.x().dtype(), DType::u8);
  EXPECT_EQ(labels_of(set.train), (std::vector<int64_t>{1, 9, 2, 9, 3, 9, 4, 9, 5, 9}));
  EXPECT_EQ(labels_of(set.test), (std::vector<int64_t>{0}));
  const auto pixels = set.train.x().to_vector<int>();
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t image = i / 3072, plane = i / 1024 % 3;
    ASSERT_EQ(pixels[i], static_cast<int>(10 + 5 * image + plane)) << i;
  }
  EXPECT_EQ(set.class_names.size(), 10u);
  EXPECT_EQ(set.class_names[9], "truck");
  EXPECT_EQ(set.source, "cifar10 from " + (dir_ / "cifar10"));
}

TEST_F(Cifar, IsFoundInEachOfItsFolders) {
  write_files10(dir_ / "a/cifar10");
  write_files10(dir_ / "b/cifar-10-batches-bin");
  write_files10(dir_ / "c");
  for (const char* folder : {"a", "b", "c"}) {
    EXPECT_EQ(load_cifar10(places(dir_ / folder)).train.size(), 10);
    const ScopedEnvironment data("DLENGINE_DATA_DIR", (dir_ / folder).c_str());
    EXPECT_EQ(load_cifar10(places("")).train.size(), 10);
  }
  write_files100(dir_ / "d/cifar100");
  write_files100(dir_ / "e/cifar-100-binary");
  for (const char* folder : {"d", "e"}) EXPECT_EQ(load_cifar100(places(dir_ / folder)).train.size(), 2);
}

TEST_F(Cifar, IsReadFromTheArchiveAsItIs) {
  fs::create_directories(dir_ / "cifar10");
  write_bytes(dir_ / "cifar10/cifar-10-binary.tar.gz", archive10());
  const ImageDataset set = load_cifar10(places(dir_.path()));
  write_files10(dir_ / "files");
  const ImageDataset want = load_cifar10(places(dir_ / "files"));
  EXPECT_EQ(set.train.x().to_vector<uint8_t>(), want.train.x().to_vector<uint8_t>());
  EXPECT_EQ(labels_of(set.train), labels_of(want.train));
  EXPECT_EQ(labels_of(set.test), labels_of(want.test));
}

TEST_F(Cifar, HundredHasFineAndCoarseLabels) {
  write_files100(dir_.path());
  const ImageDataset fine = load_cifar100(places(dir_.path()));
  EXPECT_EQ(labels_of(fine.train), (std::vector<int64_t>{99, 7}));
  EXPECT_EQ(labels_of(fine.test), (std::vector<int64_t>{0}));
  EXPECT_EQ(fine.class_names.size(), 100u);
  EXPECT_EQ(fine.class_names[99], "worm");
  EXPECT_EQ(fine.train.x().to_vector<int>()[3072], 2);
  const ImageDataset coarse = load_cifar100(places(dir_.path()), Cifar100Labels::coarse);
  EXPECT_EQ(labels_of(coarse.train), (std::vector<int64_t>{19, 0}));
  EXPECT_EQ(coarse.class_names.size(), 20u);
  EXPECT_EQ(coarse.class_names[19], "vehicles_2");
}

TEST_F(Cifar, SaysWhereItLookedAndWhereToPutTheArchive) {
  write_files10(dir_ / "data");
  fs::remove(dir_ / "data/data_batch_3.bin");
  expect_throw<DataNotFoundError>(
      [&] { load_cifar10(places(dir_ / "data")); },
      {"load_cifar10: cifar10 was not found",
       dir_ / "data/cifar10: has no data_batch_1.bin, and no cifar-10-binary.tar.gz",
       dir_ / "data: has no data_batch_3.bin, and no cifar-10-binary.tar.gz", dir_ / "cache/cifar10",
       "put the file into", "Needed: cifar-10-binary.tar.gz", "DLENGINE_DATA_DIR"});
  expect_throw<DataNotFoundError>([&] { load_cifar100(places("")); },
                                  {"load_cifar100: cifar100 was not found", "cifar-100-binary.tar.gz"});
  expect_throw<IoError>([&] { load_cifar10(places(dir_ / "none")); },
                        {"load_cifar10: the data folder", dir_ / "none", "does not exist"});
}

TEST_F(Cifar, AnArchiveInTheCacheMustHaveTheRightSum) {
  fs::create_directories(dir_ / "cache/cifar10");
  write_bytes(dir_ / "cache/cifar10/cifar-10-binary.tar.gz", archive10());
  expect_throw<DataNotFoundError>([&] { load_cifar10(places("")); }, {"SHA-256 is", "need c4a38c50"});
}

TEST_F(Cifar, DamagedFilesAreRefusedWithAReason) {
  const std::string file = dir_ / "test_batch.bin";
  for (const auto& [content, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "need records of 3073 bytes, got 0 bytes"},
           {record(label(0), 0).substr(1), "need records of 3073 bytes, got 3072 bytes"},
           {record(label(0), 0) + "x", "need records of 3073 bytes, got 3074 bytes"},
           {record(label(0), 0) + record(label(10), 0), "the label of image 1 is 10, need 0 to 9"},
           {record(label(255), 0), "the label of image 0 is 255, need 0 to 9"}}) {
    write_files10(dir_.path());
    write_bytes(file, content);
    expect_throw<IoError>([&] { load_cifar10(places(dir_.path())); }, {"load_cifar10: " + file, message});
  }
}

TEST_F(Cifar, HundredChecksBothLabels) {
  for (const auto& [content, message] : std::vector<std::pair<std::string, std::string>>{
           {record(label(0), 0), "need records of 3074 bytes, got 3073 bytes"},
           {record({20, 0}, 0), "the coarse label of image 0 is 20, need 0 to 19"},
           {record({0, 100}, 0), "the fine label of image 0 is 100, need 0 to 99"}}) {
    write_files100(dir_.path());
    write_bytes(dir_ / "train.bin", content);
    for (const Cifar100Labels labels : {Cifar100Labels::fine, Cifar100Labels::coarse}) {
      expect_throw<IoError>([&] { load_cifar100(places(dir_.path()), labels); },
                            {"load_cifar100", dir_ / "train.bin", message});
    }
  }
}

TEST_F(Cifar, DamagedArchivesAreRefusedWithAReason) {
  const std::string file = dir_ / "cifar-10-binary.tar.gz";
  const std::string short_batch = record(label(0), 0).substr(5);
  for (const auto& [content, message] : std::vector<std::pair<std::string, std::string>>{
           {archive10().substr(0, 200), "the gzip data are cut short"},
           {"no archive", "the file ends in its tar header"},
           {gzip(tar_header("x/test_batch.bin", 200'000'000)),
            "test_batch.bin has 200000000 bytes in the tar archive, need at most 184440000"},
           {gzip(tar_end()), "there is no data_batch_1.bin in the archive"},
           {gzip(tar_entry("x/test_batch.bin", short_batch) + tar_end()),
            "test_batch.bin: need records of 3073 bytes, got 3068 bytes"}}) {
    write_bytes(file, content);
    expect_throw<IoError>([&] { load_cifar10(places(dir_.path())); }, {"load_cifar10: " + file, message});
  }
}

// The real files, where DLENGINE_DATA_DIR has them. The test set may be a part of the whole one.
TEST(CifarReal, HasThePublishedCountsAndMoments) {
  if (std::getenv("DLENGINE_DATA_DIR") == nullptr) GTEST_SKIP() << "DLENGINE_DATA_DIR is not set";
  const TempDir no_cache;
  std::optional<ImageDataset> set;
  try {
    set = load_cifar10({.data_dir = {}, .cache_dir = no_cache.path(), .download = false});
  } catch (const DataNotFoundError& error) {
    GTEST_SKIP() << "DLENGINE_DATA_DIR has no CIFAR-10: " << error.what();
  }
  std::vector<int> counts(10);
  for (const int64_t label : labels_of(set->train)) ++counts[static_cast<size_t>(label)];
  EXPECT_EQ(counts, std::vector<int>(10, 5000));
  const double means[] = {0.491400, 0.482158, 0.446531}, deviations[] = {0.247032, 0.243485, 0.261588};
  for (int64_t plane = 0; plane < 3; ++plane) {
    std::vector<double> sums(2);
    for (const uint8_t pixel : set->train.x().select(1, plane).to_vector<uint8_t>()) {
      sums[0] += pixel / 255.0;
      sums[1] += pixel / 255.0 * pixel / 255.0;
    }
    const double mean = sums[0] / (50000 * 1024), square = sums[1] / (50000 * 1024);
    EXPECT_NEAR(mean, means[plane], 5e-7);
    EXPECT_NEAR(std::sqrt(square - mean * mean), deviations[plane], 5e-7);
  }
}

}  // namespace
}  // namespace dlengine::test
