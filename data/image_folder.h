// Images in a folder for each class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/core/op_params.h"
#include "dlengine/data/dataset.h"

namespace dlengine {

struct ImageFolderOptions {
  Size2 size = 0;     // {H, W} of every image of the data set, required
  bool color = true;  // else gray
};

/// The images in the sub-folders of a folder, as torchvision's ImageFolder and Keras's
/// image_dataset_from_directory: a sub-folder is a class, and the classes are numbered in the order of their
/// names. Files that end in .png, .jpg, .jpeg, .pgm or .ppm, in folders below too, are images; names that
/// begin with a dot and all other files are passed over.
///
/// x: f32 [B, 3, H, W], or [B, 1, H, W] in gray, of 0 .. 1; y: i64 [B], the class. Images are read when a
/// batch is asked for, on the loader's thread, and stretched to the size: bilinear, smoothed where they get
/// smaller, as Pillow and PyTorch's antialias do.
///
///   const ImageFolder photos("photos", {.size = {64, 64}});
///   const Split parts = random_split(photos, 0.2, 1);
///   trainer.fit(parts.train, {.validation = &parts.validation});
class ImageFolder final : public Dataset {
 public:
  /// Looks at names alone. Throws ValueError for a size below 1, IoError for a folder that cannot be read,
  /// has no sub-folders, or has one without images or with a link to a folder that it is in.
  ImageFolder(const std::string& folder, const ImageFolderOptions& options);

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  /// Throws IoError that names the file for one that is damaged or no image.
  Batch get(std::span<const int64_t> indices) const override;

  const std::vector<std::string>& class_names() const { return class_names_; }
  /// The path of an image. Throws ValueError for a number out of range.
  const std::string& file(int64_t index) const;

 private:
  ImageFolderOptions options_;
  std::vector<std::string> class_names_;
  std::vector<std::string> files_;  // class by class, each in the order of its paths
  std::vector<int64_t> labels_;
};

}  // namespace dlengine
