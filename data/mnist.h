// MNIST and the data sets made in its image, by name.
#pragma once

#include <string>

#include "dlengine/core/error.h"
#include "dlengine/data/image_dataset.h"

namespace dlengine {

/// The data set is nowhere to be found and could not be downloaded. Files that are there but damaged are a
/// plain IoError.
class DataNotFoundError : public IoError {
  using IoError::IoError;
};

struct MnistOptions {
  std::string data_dir = {};   // looked at first; empty: none
  std::string cache_dir = {};  // empty: default_cache_dir()
  bool download = true;        // into the cache
};

/// "mnist" (LeCun, Cortes, Burges) or "fashion_mnist" (Xiao, Rasul, Vollgraf): 60,000 and 10,000 images of 28
/// x 28.
///
/// Looks in data_dir, then in DLENGINE_DATA_DIR: in the folder <name> there, else in the folder itself, for
/// the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,
/// t10k-labels-idx1-ubyte, also with
/// ".idx" for "-idx", plain or with ".gz". Then in <cache_dir>/<name>, to which it downloads what is missing
/// from mirrors, checked by SHA-256. Throws ValueError for another name, DataNotFoundError that lists what
/// was tried and says where to put the files, IoError for files that are damaged and for a data_dir that does
/// not exist.
ImageDataset load_mnist(const std::string& name, const MnistOptions& options = {});

}  // namespace dlengine
