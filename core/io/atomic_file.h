// A file that appears complete or not at all.
#pragma once

#include <cstddef>
#include <string>

namespace dlengine {

/// Writes to a temporary file beside `path`; commit() syncs and renames it onto `path`. Without commit()
/// nothing is left behind and an earlier file stays as it was. A link is followed, and an earlier file's
/// permissions are kept. Every failure (no such folder, no permission, disk full, not a regular file) is an
/// IoError that names the path and the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

}  // namespace dlengine
