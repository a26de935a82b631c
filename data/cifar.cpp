// The binary version: records of a label, or of two, and 32 x 32 pixels, plane by plane. The sums are those
// that several projects check (for CIFAR-100 TensorFlow Datasets, too); www.cs.toronto.edu/~kriz/cifar.html
// gives the MD5 of the archives.
#include "dlengine/data/cifar.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/data/byte_stream.h"
#include "dlengine/data/cifar_classes.h"
#include "dlengine/data/data_search.h"
#include "dlengine/data/tar.h"

namespace dlengine {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kSide = 32;
constexpr int64_t kPixels = 3 * kSide * kSide;
constexpr uint64_t kLargestFile = 60'000 * (kPixels + 2);  // all images of CIFAR-100

struct Label {
  const char* what;
  const std::vector<std::string>& names;
};

struct Known {
  const char* who;
  std::vector<std::string> folders;
  std::vector<std::string> train, test;  // names of files
  RemoteFile archive;
  std::vector<Label> labels;  // of a record, a byte each
};

const Known& cifar10() {
  static const Known known = {
      .who = "load_cifar10",
      .folders = {"cifar10", "cifar-10-batches-bin"},
      .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                "data_batch_5.bin"},
      .test = {"test_batch.bin"},
      .archive = {.name = "cifar-10-binary.tar.gz",
                  .sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                  .urls = {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"}},
      .labels = {{"label", cifar10_classes()}}};
  return known;
}

const Known& cifar100() {
  static const Known known = {
      .who = "load_cifar100",
      .folders = {"cifar100", "cifar-100-binary"},
      .train = {"train.bin"},
      .test = {"test.bin"},
      .archive = {.name = "cifar-100-binary.tar.gz",
                  .sha256 = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                  .urls = {"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"}},
      .labels = {{"coarse label", cifar100_groups()}, {"fine label", cifar100_classes()}}};
  return known;
}

/// The names of all files, those of the training first.
std::vector<std::string> names_of(const Known& known) {
  std::vector<std::string> names = known.train;
  names.insert(names.end(), known.test.begin(), known.test.end());
  return names;
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

/// All the files, or the archive alone.
std::optional<Paths> find_in(const Known& known, const fs::path& folder, std::string& missing) {
  Paths paths;
  for (const std::string& name : names_of(known)) {
    if (is_file(folder / name)) {
      paths.push_back(folder / name);
    } else if (missing.empty()) {
      missing = fmt::format("{}, and no {}", name, known.archive.name);
    }
  }
  if (missing.empty()) return paths;
  if (is_file(folder / known.archive.name)) return Paths{folder / known.archive.name};
  return std::nullopt;
}

struct Part {
  Tensor images, labels;
};
using Parts = std::map<std::string, Part>;  // by the names of their files

/// Images and their labels, of the byte with the number `chosen`.
Part read_records(const std::vector<uint8_t>& file, const std::vector<Label>& labels, size_t chosen) {
  const auto bytes = std::ssize(file), record = std::ssize(labels) + kPixels;
  check<IoError>(bytes > 0 && bytes % record == 0, "need records of {} bytes, got {} bytes", record, bytes);
  const int64_t count = bytes / record;
  Part part{empty({count, 3, kSide, kSide}, DType::u8), empty({count}, DType::i64)};
  const uint8_t* at = file.data();
  for (int64_t i = 0; i < count; ++i) {
    part.labels.data<int64_t>()[i] = at[chosen];
    for (const auto& [what, names] : labels) {
      const uint8_t label = *at++;
      check<IoError>(label < names.size(), "the {} of image {} is {}, need 0 to {}", what, i, label,
                     names.size() - 1);
    }
    std::copy_n(at, kPixels, part.images.data<uint8_t>() + i * kPixels);
    at += kPixels;
  }
  return part;
}

/// What read() gives; its errors name the file.
template <typename Read>
auto naming(const std::string& file, Read&& read) try {
  return read();
} catch (Error& error) {
  error.add_context(file);
  throw;
}

Parts read_archive(const Known& known, const std::string& path, size_t chosen) {
  Parts parts;
  const std::vector<std::string> names = names_of(known);
  TarReader archive(path);
  while (archive.next()) {
    const std::string& name = archive.name();
    if (std::ranges::count(names, name) == 0) continue;
    parts[name] =
        naming(name, [&] { return read_records(archive.read(kLargestFile), known.labels, chosen); });
  }
  for (const std::string& name : names) {
    check<IoError>(parts.contains(name), "there is no {} in the archive", name);
  }
  return parts;
}

Parts read_parts(const Known& known, const Paths& paths, size_t chosen) {
  Parts parts;
  for (const std::string& path : paths) {
    naming(path, [&] {
      const std::string name = fs::path(path).filename();
      if (name == known.archive.name) {
        parts = read_archive(known, path, chosen);
      } else {
        parts[name] = read_records(read_file(path), known.labels, chosen);
      }
    });
  }
  return parts;
}

TensorDataset join(const Parts& parts, const std::vector<std::string>& names) {
  std::vector<Tensor> images, labels;
  for (const std::string& name : names) {
    images.push_back(parts.at(name).images);
    labels.push_back(parts.at(name).labels);
  }
  if (names.size() == 1) return {images[0], labels[0]};
  return {concat(images), concat(labels)};
}

ImageDataset load(const Known& known, const DataPlaces& places, size_t chosen) {
  const Paths paths = find_data(
      {.who = known.who,
       .folders = known.folders,
       .others = {},
       .find = [&](const fs::path& folder, std::string& missing) { return find_in(known, folder, missing); },
       .files = {known.archive}},
      places);
  const Parts parts = naming(known.who, [&] { return read_parts(known, paths, chosen); });
  return {.train = join(parts, known.train),
          .test = join(parts, known.test),
          .class_names = known.labels[chosen].names,
          .source = fmt::format("{} from {}", known.folders[0], fs::path(paths[0]).parent_path().string())};
}

}  // namespace

ImageDataset load_cifar10(const DataPlaces& places) { return load(cifar10(), places, 0); }

ImageDataset load_cifar100(const DataPlaces& places, Cifar100Labels labels) {
  return load(cifar100(), places, labels == Cifar100Labels::fine ? 1 : 0);
}

}  // namespace dlengine
