// Files from the network, kept in a cache.
#pragma once

#include <string>
#include <vector>

namespace dlengine {

/// A file that is known by its content.
struct RemoteFile {
  std::string name = {};               // in the cache
  std::string sha256 = {};             // 64 lower-case hexadecimal digits
  std::vector<std::string> urls = {};  // http, https or file; tried in this order
};

/// The path of the file in the cache folder, which is made if need be. A file there with the right SHA-256 is
/// taken as it is; else it is fetched, checked, and put there whole or not at all. Throws IoError that lists
/// what was tried and says where to put the file by hand.
std::string find_or_download(const RemoteFile& file, const std::string& cache_dir);

/// DLENGINE_CACHE_DIR if that is set, else $XDG_CACHE_HOME/dlengine, else ~/.cache/dlengine.
/// Throws IoError if no home folder is known either.
std::string default_cache_dir();

/// SHA-256 of a file as 64 lower-case hexadecimal digits (FIPS 180-4). Throws IoError.
std::string sha256_of_file(const std::string& path);

}  // namespace dlengine
