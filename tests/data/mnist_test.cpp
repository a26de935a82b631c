// The search for the four files; the real data sets.
#include "dlengine/data/mnist.h"

#include <cmath>
#include <filesystem>

#include "dlengine/core/error.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

namespace fs = std::filesystem;

/// Small data set of the right form; all labels are `label`.
void write_set(const std::string& folder, uint32_t label, const std::string& ending = "-idx",
               bool packed = false) {
  fs::create_directories(folder);
  for (const auto& [part, count] : {std::pair{"train", 3u}, std::pair{"t10k", 2u}}) {
    const std::string images = idx_header({count, 28, 28}) + std::string(count * 784, '\7');
    const std::string labels = idx_header({count}) + std::string(count, static_cast<char>(label));
    const std::string suffix = packed ? "-ubyte.gz" : "-ubyte";
    write_bytes(folder + "/" + part + "-images" + ending + "3" + suffix, packed ? gzip(images) : images);
    write_bytes(folder + "/" + part + "-labels" + ending + "1" + suffix, packed ? gzip(labels) : labels);
  }
}

int64_t first_label(const ImageDataset& set) { return set.test.y().to_vector<int64_t>()[0]; }

class Mnist : public testing::Test {
 protected:
  DataPlaces options(const std::string& data_dir) const {
    return {.data_dir = data_dir, .cache_dir = dir_ / "cache", .download = false};
  }

  TempDir dir_;
  ScopedEnvironment no_data_{"DLENGINE_DATA_DIR", nullptr};
};

TEST_F(Mnist, FindsTheFilesUnderTheirUsualNames) {
  int label = 0;
  for (const char* ending : {"-idx", ".idx"}) {
    for (const bool packed : {false, true}) {
      const std::string folder = dir_ / std::to_string(label);
      write_set(folder, static_cast<uint32_t>(label), ending, packed);
      const ImageDataset set = load_mnist("mnist", options(folder));
      EXPECT_EQ(first_label(set), label);
      EXPECT_EQ(set.train.size(), 3);
      EXPECT_EQ(set.test.size(), 2);
      EXPECT_EQ(set.source, "mnist from " + folder);
      ++label;
    }
  }
}

TEST_F(Mnist, PrefersTheFolderWithTheNameOfTheSet) {
  write_set(dir_.path(), 1);
  write_set(dir_ / "fashion_mnist", 2);
  EXPECT_EQ(first_label(load_mnist("mnist", options(dir_.path()))), 1);
  EXPECT_EQ(first_label(load_mnist("fashion_mnist", options(dir_.path()))), 2);
}

TEST_F(Mnist, DoesNotTakeTheFolderOfAnotherSet) {
  write_set(dir_ / "mnist", 1);
  for (const std::string& folder : {dir_ / "mnist", dir_ / "mnist/"}) {
    expect_throw<DataNotFoundError>([&] { load_mnist("fashion_mnist", options(folder)); },
                                    {"fashion_mnist was not found"});
  }
}

TEST_F(Mnist, LooksInTheOptionThenInTheEnvironment) {
  write_set(dir_ / "option", 1);
  write_set(dir_ / "environment/mnist", 2);
  fs::create_directories(dir_ / "empty");
  const ScopedEnvironment data("DLENGINE_DATA_DIR", (dir_ / "environment").c_str());
  EXPECT_EQ(first_label(load_mnist("mnist", options(dir_ / "option"))), 1);
  EXPECT_EQ(first_label(load_mnist("mnist", options(dir_ / "empty"))), 2);
  EXPECT_EQ(first_label(load_mnist("mnist", options(""))), 2);
}

TEST_F(Mnist, SaysWhereItLookedAndWhereToPutTheFiles) {
  write_set(dir_ / "data", 1);
  fs::remove(dir_ / "data/t10k-labels-idx1-ubyte");
  expect_throw<DataNotFoundError>(
      [&] { load_mnist("mnist", options(dir_ / "data")); },
      {"load_mnist: mnist was not found", dir_ / "data/mnist: has no train-images-idx3-ubyte",
       dir_ / "data: has no t10k-labels-idx1-ubyte", dir_ / "cache/mnist", "put the file into",
       "DLENGINE_DATA_DIR"});
}

TEST_F(Mnist, DamagedFilesAreNoReasonToLookElsewhere) {
  write_set(dir_ / "data", 1);
  write_bytes(dir_ / "data/t10k-labels-idx1-ubyte", idx_header({2}) + "\1");
  try {
    load_mnist("mnist", options(dir_ / "data"));
    ADD_FAILURE() << "no exception";
  } catch (const DataNotFoundError& error) {
    ADD_FAILURE() << error.what();
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("t10k-labels-idx1-ubyte: the header says [2]"),
              std::string::npos);
  }
}

TEST_F(Mnist, RefusesImagesOfAnotherSizeAndLabelsOutOfRange) {
  write_set(dir_ / "labels", 10);
  expect_throw<IoError>([&] { load_mnist("mnist", options(dir_ / "labels")); },
                        {"label 0 is 10, need 0 to 9"});
  write_set(dir_ / "size", 1);
  write_bytes(dir_ / "size/train-images-idx3-ubyte", idx_header({3, 5, 5}) + std::string(75, '\0'));
  expect_throw<IoError>([&] { load_mnist("mnist", options(dir_ / "size")); },
                        {"need images of 28 x 28, got [3, 1, 5, 5]"});
}

TEST_F(Mnist, RefusesUnknownNamesAndFolders) {
  expect_throw<ValueError>([&] { load_mnist("cifar", options("")); },
                           {"need \"mnist\" or \"fashion_mnist\", got \"cifar\""});
  expect_throw<IoError>([&] { load_mnist("mnist", options(dir_ / "none")); },
                        {dir_ / "none", "does not exist"});
}

TEST_F(Mnist, WithoutAWritableCacheTheDataAreNotFound) {
  write_bytes(dir_ / "file", "");
  DataPlaces no_cache = options("");
  no_cache.cache_dir = dir_ / "file/cache";
  no_cache.download = true;
  expect_throw<DataNotFoundError>([&] { load_mnist("mnist", no_cache); }, {"cannot make the cache folder"});
}

struct Moments {
  double mean = 0, deviation = 0;
};

Moments moments(const Tensor& images) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < images.numel(); ++i) {
    const double pixel = images.data<uint8_t>()[i] / 255.0;
    sum += pixel;
    squares += pixel * pixel;
  }
  const auto n = static_cast<double>(images.numel());
  return {sum / n, std::sqrt(squares / n - sum * sum / n / n)};
}

std::vector<int> label_counts(const TensorDataset& part) {
  std::vector<int> counts(10);
  for (const int64_t label : part.y().to_vector<int64_t>()) ++counts[static_cast<size_t>(label)];
  return counts;
}

TEST(MnistReal, HasThePublishedCountsAndMoments) {
  if (std::getenv("DLENGINE_DATA_DIR") == nullptr) GTEST_SKIP() << "DLENGINE_DATA_DIR is not set";
  const ImageDataset set = load_mnist("mnist", {.download = false});
  EXPECT_EQ(label_counts(set.train),
            (std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(label_counts(set.test),
            (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  const auto [mean, deviation] = moments(set.train.x());
  EXPECT_NEAR(mean, 0.130660, 5e-7);  // published with six digits
  EXPECT_NEAR(deviation, 0.308108, 5e-7);
  EXPECT_EQ(set.class_names[7], "7");
}

TEST(MnistReal, FashionHasThePublishedCountsAndMoments) {
  if (std::getenv("DLENGINE_DATA_DIR") == nullptr) GTEST_SKIP() << "DLENGINE_DATA_DIR is not set";
  const ImageDataset set = load_mnist("fashion_mnist", {.download = false});
  EXPECT_EQ(label_counts(set.train), std::vector<int>(10, 6000));
  EXPECT_EQ(label_counts(set.test), std::vector<int>(10, 1000));
  const auto [mean, deviation] = moments(set.train.x());
  EXPECT_NEAR(mean, 0.286041, 5e-7);
  EXPECT_NEAR(deviation, 0.353024, 5e-7);
  EXPECT_EQ(set.class_names[9], "ankle boot");
}

TEST(MnistReal, IsTakenFromTheCacheIfTheHashesAreRight) {
  const char* data = std::getenv("DLENGINE_DATA_DIR");
  if (data == nullptr) GTEST_SKIP() << "DLENGINE_DATA_DIR is not set";
  const TempDir cache;
  fs::create_directories(cache / "mnist");
  for (const char* part :
       {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"}) {
    const std::string name = std::string(part) + "-ubyte.gz";
    fs::create_symlink(fs::path(data) / "mnist" / name, cache / ("mnist/" + name));
  }
  const ScopedEnvironment no_data("DLENGINE_DATA_DIR", nullptr);
  const DataPlaces options = {.data_dir = {}, .cache_dir = cache.path(), .download = false};
  EXPECT_EQ(load_mnist("mnist", options).source, "mnist from " + (cache / "mnist"));

  const std::string labels = cache / "mnist/t10k-labels-idx1-ubyte.gz";
  fs::remove(labels);
  write_bytes(labels, gzip(idx_file({10})));
  expect_throw<DataNotFoundError>([&] { load_mnist("mnist", options); }, {labels + ": SHA-256 is"});
}

}  // namespace
}  // namespace dlengine::test
