// The walk over the folders, and the reading of a batch.
#include "dlengine/data/image_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/data/images.h"
#include "dlengine/data/resize_image.h"

namespace dlengine {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> kEndings = {".png", ".jpg", ".jpeg", ".pgm", ".ppm"};

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool has_image_name(const fs::path& path) {
  std::string ending = path.extension();
  std::ranges::transform(ending, ending.begin(),
                         [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::count(kEndings, ending) > 0;
}

void check_readable(const std::error_code& error, const fs::path& folder) {
  check<IoError>(!error, "ImageFolder: cannot read the folder {}: {}", folder.string(), error.message());
}

/// The folder's path without links.
fs::path real_path(const fs::path& folder) {
  std::error_code error;
  fs::path path = fs::canonical(folder, error);
  check_readable(error, folder);
  return path;
}

/// What is in the folder but for hidden names, in the order of names.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    if (!is_hidden(at->path())) entries.push_back(at->path());
  }
  check_readable(error, folder);
  std::ranges::sort(entries);
  return entries;
}

/// above: the real paths of the folders that this one is in, as a link to one of them would never end.
void add_images(const fs::path& folder, std::vector<fs::path>& above, std::vector<std::string>& files) {
  const fs::path real = real_path(folder);
  check<IoError>(std::ranges::count(above, real) == 0,
                 "ImageFolder: {} leads back to a folder that it is in, {}", folder.string(), real.string());
  above.push_back(real);
  for (const fs::path& entry : entries_of(folder)) {
    if (is_folder(entry)) {
      add_images(entry, above, files);
    } else if (has_image_name(entry)) {
      files.push_back(entry);
    }
  }
  above.pop_back();
}

Tensor read(const std::string& path, bool color) {
  return color ? read_color_image(path) : read_image(path).unsqueeze(0);
}

}  // namespace

ImageFolder::ImageFolder(const std::string& folder, const ImageFolderOptions& options) : options_(options) {
  check<ValueError>(options.size.h >= 1 && options.size.w >= 1,
                    "ImageFolder: need a size of 1 x 1 or more, got {} x {}", options.size.h, options.size.w);
  std::vector<fs::path> above = {real_path(folder)};
  for (const fs::path& entry : entries_of(folder)) {
    if (!is_folder(entry)) continue;
    const size_t before = files_.size();
    add_images(entry, above, files_);
    check<IoError>(files_.size() > before, "ImageFolder: {} has no image: need files that end in {}",
                   entry.string(), fmt::join(kEndings, ", "));
    labels_.resize(files_.size(), std::ssize(class_names_));
    class_names_.push_back(entry.filename());
  }
  check<IoError>(!class_names_.empty(), "ImageFolder: {} has no sub-folders: need one for each class",
                 folder);
}

const std::string& ImageFolder::file(int64_t index) const {
  check<ValueError>(0 <= index && index < size(), "ImageFolder: sample {} is out of range, need 0 to {}",
                    index, size() - 1);
  return files_[static_cast<size_t>(index)];
}

Batch ImageFolder::get(std::span<const int64_t> indices) const {
  const int64_t count = std::ssize(indices), channels = options_.color ? 3 : 1;
  Batch batch{empty({count, channels, options_.size.h, options_.size.w}), empty({count}, DType::i64)};
  float* target = batch.x.data<float>();
  int64_t* label = batch.y.data<int64_t>();
  for (const int64_t index : indices) {
    resize_image(read(file(index), options_.color), options_.size, target);
    target += channels * options_.size.h * options_.size.w;
    *label++ = labels_[static_cast<size_t>(index)];
  }
  return batch;
}

}  // namespace dlengine
