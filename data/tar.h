// Internal: the files in a tar archive, plain or gzip.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/data/byte_stream.h"

namespace dlengine {

/// Walks over the files of an archive in their order, and passes over folders and links. Formats: the ustar
/// format of POSIX and those before it; longer names and larger sizes than it knows are not looked at. Throws
/// IoError for an archive that is damaged or cut short.
class TarReader {
 public:
  explicit TarReader(const std::string& path) : stream_(path) {}

  /// On to the next file; false at the end of the archive.
  bool next();
  /// Of this file, without its folders.
  const std::string& name() const { return name_; }
  /// The content of this file; once. Throws IoError for one of more bytes.
  std::vector<uint8_t> read(uint64_t at_most);

 private:
  bool read_header();
  void check_left(uint64_t bytes) const;

  ByteStream stream_;
  std::string name_;
  bool is_file_ = false;
  uint64_t left_ = 0;  // bytes of this file that were not read
  uint64_t padding_ = 0;
};

}  // namespace dlengine
