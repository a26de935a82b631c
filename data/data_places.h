// Where the data sets that are known by name are looked for.
#pragma once

#include <string>

#include "dlengine/core/error.h"

namespace dlengine {

/// The data set is nowhere to be found and could not be downloaded. Files that are there but damaged are a
/// plain IoError.
class DataNotFoundError : public IoError {
  using IoError::IoError;
};

/// A data set called <name> is looked for in data_dir, then in DLENGINE_DATA_DIR: in the folder <name> there,
/// else in the folder itself. Then in <cache_dir>/<name>, to which it is downloaded, checked by SHA-256.
struct DataPlaces {
  std::string data_dir = {};   // looked at first; empty: none
  std::string cache_dir = {};  // empty: default_cache_dir()
  bool download = true;        // into the cache
};

}  // namespace dlengine
