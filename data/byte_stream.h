// Internal: the bytes of a file, inflated on the way if it is a gzip file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dlengine {

/// The whole file as it is on the disk. Throws IoError.
std::vector<uint8_t> read_file(const std::string& path);

/// Reads a plain or gzip file from its start to its end. Throws IoError for a file that cannot be read and
/// for gzip data that are damaged: cut short, checksum or length wrong, or followed by something else.
class ByteStream {
 public:
  explicit ByteStream(const std::string& path);
  ~ByteStream();

  /// Throws IoError, naming `what`, if fewer bytes are left.
  void read(void* target, size_t bytes, const char* what);
  /// As read(), but keeps nothing.
  void skip(uint64_t bytes, const char* what);
  /// Throws IoError if bytes are left.
  void expect_end();
  /// Reads what is left, so that damage there is found.
  void skip_to_end();
  /// No more bytes than this can be left; exact for a plain file.
  uint64_t at_most_left() const;

 private:
  struct Inflater;

  size_t read_some(uint8_t* target, size_t bytes);

  std::vector<uint8_t> file_;
  size_t position_ = 0;                 // in a plain file
  std::unique_ptr<Inflater> inflater_;  // of a gzip file
};

}  // namespace dlengine
