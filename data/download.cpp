// Files from the network, kept in a cache.
#include "dlengine/data/download.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "dlengine/core/check.h"
#include "dlengine/core/shared_library.h"
#include "dlengine/data/transfers.h"

namespace dlengine {

namespace {

namespace fs = std::filesystem;

using OpenTransfers = Transfers* (*)();

// Opened when it is first asked for.
OpenTransfers open_transfers(const OpenedLibrary& library) {
  check<IoError>(library.handle, "downloads and checksums need libdlengine_download.so: {}", library.reason);
  void* entry = find_function(library, "dlengine_transfers");
  check<IoError>(entry, "libdlengine_download.so is no plugin of dlengine: it has no dlengine_transfers");
  return reinterpret_cast<OpenTransfers>(entry);
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  check<IoError>(!error, "cannot make the cache folder {}: {}", path, error.message());
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? value : nullptr;
}

}  // namespace

Transfers& transfers() {
  if constexpr (DLENGINE_DOWNLOAD_LINKED) return *dlengine_transfers();
  static const OpenedLibrary library = open_library("libdlengine_download.so");
  return *open_transfers(library)();
}

std::string sha256_of_file(const std::string& path) { return transfers().sha256_of_file(path); }

std::string default_cache_dir() {
  if (const char* folder = environment("DLENGINE_CACHE_DIR")) return folder;
  if (const char* folder = environment("XDG_CACHE_HOME")) return fs::path(folder) / "dlengine";
  if (const char* folder = environment("HOME")) return fs::path(folder) / ".cache" / "dlengine";
  fail<IoError>("no cache folder is known: set DLENGINE_CACHE_DIR");
}

std::string find_or_download(const RemoteFile& file, const std::string& cache_dir) {
  std::string path = fs::path(cache_dir) / file.name;
  std::string tried = "  " + path + ": not there\n";
  std::error_code error;
  if (fs::is_regular_file(path, error)) {
    const std::string found = sha256_of_file(path);
    if (found == file.sha256) return path;
    tried = fmt::format("  {}: SHA-256 is {}, need {}\n", path, found, file.sha256);
  }
  if (!file.urls.empty()) make_folder(cache_dir);
  for (const std::string& url : file.urls) {
    const std::string problem = transfers().download(url, file.sha256, path);
    if (problem.empty()) return path;
    tried += fmt::format("  {}: {}\n", url, problem);
  }
  fail<IoError>("cannot get {}. Tried:\n{}Without a network, put the file into {}", file.name, tried,
                cache_dir);
}

}  // namespace dlengine
