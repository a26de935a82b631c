// The option, the environment, the cache, in this order.
#include "dlengine/data/data_search.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

namespace fs = std::filesystem;

std::optional<Paths> find_in_folder(const DataSearch& search, const fs::path& folder, std::string& tried) {
  std::string missing;
  auto paths = search.find(folder, missing);
  if (!paths) tried += fmt::format("  {}: has no {}\n", folder.string(), missing);
  return paths;
}

std::optional<Paths> find_in_root(const DataSearch& search, const fs::path& root, std::string& tried) {
  for (const std::string& name : search.folders) {
    if (auto paths = find_in_folder(search, root / name, tried)) return paths;
  }
  const fs::path folder = root.has_filename() ? root.filename() : root.parent_path().filename();
  if (std::ranges::count(search.others, folder.string()) > 0) return std::nullopt;
  return find_in_folder(search, root, tried);
}

Paths find_in_cache(const DataSearch& search, const DataPlaces& places, const std::string& tried) {
  const std::string& name = search.folders.front();
  try {
    const std::string cache =
        fs::path(places.cache_dir.empty() ? default_cache_dir() : places.cache_dir) / name;
    Paths paths;
    for (RemoteFile file : search.files) {
      if (!places.download) file.urls.clear();
      paths.push_back(find_or_download(file, cache));
    }
    return paths;
  } catch (const IoError& error) {
    std::string needed;
    for (const RemoteFile& file : search.files) needed += (needed.empty() ? "" : ", ") + file.name;
    fail<DataNotFoundError>(
        "{}: {} was not found. Looked in:\n{}{}\nNeeded: {}.\n"
        "The folder can also be named by the data option or DLENGINE_DATA_DIR.",
        search.who, name, tried, error.what(), needed);
  }
}

}  // namespace

Paths find_data(const DataSearch& search, const DataPlaces& places) {
  std::string tried;
  if (!places.data_dir.empty()) {
    std::error_code error;
    check<IoError>(fs::is_directory(places.data_dir, error), "{}: the data folder {} does not exist",
                   search.who, places.data_dir);
    if (const auto paths = find_in_root(search, places.data_dir, tried)) return *paths;
  }
  const char* variable = std::getenv("DLENGINE_DATA_DIR");
  if (variable && *variable) {
    if (const auto paths = find_in_root(search, variable, tried)) return *paths;
  }
  return find_in_cache(search, places, tried);
}

}  // namespace dlengine
