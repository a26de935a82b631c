// Temporary file, fsync, rename, and fsync of the folder so that the new name survives a power cut too.
#include "dlengine/core/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kNewFile = 0666;  // less the user's umask

[[noreturn]] void fail_with_errno(const char* action, const std::string& path) {
  const int code = errno;
  fail<IoError>("cannot {} {}: {}", action, path, std::generic_category().message(code));
}

/// Where a chain of links ends, so that the link stays one and its target is replaced.
std::string follow_links(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::weakly_canonical(path, error);
  return error ? path : target.string();
}

/// Permissions of the file that will be replaced. Renaming would replace a write-protected file and even a
/// device, so both are refused here.
mode_t permissions_of_earlier(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return kNewFile;
  check<IoError>(S_ISREG(status.st_mode), "cannot write {}: it is there and not a regular file", path);
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) fail_with_errno("write", path);
  return status.st_mode & 07777;
}

/// A name that no other writer has, in this process or another.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> count = 0;
  return fmt::format("{}.tmp-{}-{}", path, ::getpid(), count++);
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path)
    : path_(follow_links(path)), temporary_(temporary_name(path_)) {
  check<IoError>(!path.empty(), "cannot write a file: its name is empty");
  const mode_t mode = permissions_of_earlier(path_);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & kNewFile);
  if (descriptor_ < 0) fail_with_errno("write", path_);
  if (mode != kNewFile) ::fchmod(descriptor_, mode);  // best effort: not every file system has permissions
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t bytes) {
  const auto* next = static_cast<const std::byte*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with_errno("write", path_);
    next += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail_with_errno("write", path_);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail_with_errno("write", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_with_errno("replace", path_);
  temporary_.clear();
  // The file is complete now. Some file systems cannot sync a folder, so a failure here is none of the write.
  const std::string folder = fs::path(path_).parent_path().string();
  const int handle = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  ::fsync(handle);
  ::close(handle);
}

}  // namespace dlengine
