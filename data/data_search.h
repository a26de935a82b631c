// Internal: the search for the files of a data set that is known by name.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dlengine/data/data_places.h"
#include "dlengine/data/download.h"

namespace dlengine {

using Paths = std::vector<std::string>;

struct DataSearch {
  const char* who;                   // in messages: "load_mnist"
  std::vector<std::string> folders;  // names that its folder may have; the first one is the data set's own
  std::vector<std::string> others;   // names of folders of look-alikes: not looked in
  /// The data set's files in a folder; if they are not all there, what is missing.
  std::function<std::optional<Paths>(const std::filesystem::path& folder, std::string& missing)> find;
  std::vector<RemoteFile> files;  // in the cache
};

/// The files, from the first of the places that has them all. Throws DataNotFoundError that lists what was
/// tried, and IoError for a data_dir that does not exist.
Paths find_data(const DataSearch& search, const DataPlaces& places);

}  // namespace dlengine
