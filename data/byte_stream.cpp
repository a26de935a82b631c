// gzip through zlib's inflate rather than gzread, which takes bytes behind the end of the data without a
// word.
#include "dlengine/data/byte_stream.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <system_error>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

constexpr int kGzipWindow = 15 + 16;           // zlib: largest window, gzip header and trailer
constexpr uint64_t kLargestRatio = 1032;       // of deflate: 258 bytes for two bits
constexpr uint64_t kLargestWindow = 1u << 16;  // bytes that inflate may hold back
constexpr uint64_t kLargestFile = 1u << 31;    // bytes that are taken into memory

}  // namespace

std::vector<uint8_t> read_file(const std::string& path) {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  check<IoError>(!error, "cannot read the file: {}", error.message());
  check<IoError>(bytes <= kLargestFile, "the file has {} bytes, at most {} are read", bytes, kLargestFile);
  std::ifstream stream(path, std::ios::binary);
  check<IoError>(stream.is_open(), "cannot open the file: {}", std::generic_category().message(errno));
  std::vector<uint8_t> content(bytes);
  stream.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(bytes));
  check<IoError>(static_cast<uint64_t>(stream.gcount()) == bytes, "only {} of {} bytes could be read",
                 stream.gcount(), bytes);
  return content;
}

struct ByteStream::Inflater {
  z_stream stream{};
  bool ended = false;

  explicit Inflater(std::vector<uint8_t>& file) {
    stream.next_in = file.data();
    stream.avail_in = static_cast<uInt>(file.size());
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Bytes written to target; fewer than asked only at the end of the data.
  size_t read(uint8_t* target, size_t bytes) {
    constexpr size_t kStep = std::numeric_limits<uInt>::max();
    size_t done = 0;
    while (done < bytes && !ended) {
      stream.next_out = target + done;
      stream.avail_out = static_cast<uInt>(std::min(bytes - done, kStep));
      const size_t before = stream.avail_out;
      const int result = inflate(&stream, Z_NO_FLUSH);
      done += before - stream.avail_out;
      check<IoError>(result != Z_BUF_ERROR, "the gzip data are cut short");
      check<IoError>(result == Z_OK || result == Z_STREAM_END, "the gzip data are damaged: {}",
                     stream.msg ? stream.msg : zError(result));
      ended = result == Z_STREAM_END;
    }
    check<IoError>(!ended || stream.avail_in == 0, "{} bytes follow the gzip data", stream.avail_in);
    return done;
  }
};

ByteStream::ByteStream(const std::string& path) : file_(read_file(path)) {
  const bool gzip = file_.size() >= 2 && file_[0] == 0x1f && file_[1] == 0x8b;
  if (gzip) inflater_ = std::make_unique<Inflater>(file_);
}

ByteStream::~ByteStream() = default;

size_t ByteStream::read_some(uint8_t* target, size_t bytes) {
  if (inflater_) return inflater_->read(target, bytes);
  const size_t count = std::min(bytes, file_.size() - position_);
  if (count > 0) std::memcpy(target, file_.data() + position_, count);
  position_ += count;
  return count;
}

void ByteStream::read(void* target, size_t bytes, const char* what) {
  const size_t count = read_some(static_cast<uint8_t*>(target), bytes);
  check<IoError>(count == bytes, "the file ends in its {}: need {} bytes, got {}", what, bytes, count);
}

void ByteStream::skip(uint64_t bytes, const char* what) {
  std::array<uint8_t, 4096> passed{};
  for (uint64_t done = 0; done < bytes;) {
    const size_t count = read_some(passed.data(), std::min<uint64_t>(bytes - done, passed.size()));
    check<IoError>(count > 0, "the file ends in its {}: need {} bytes, got {}", what, bytes, done);
    done += count;
  }
}

void ByteStream::expect_end() {
  uint8_t byte = 0;
  check<IoError>(read_some(&byte, 1) == 0, "the file goes on behind its end");
}

void ByteStream::skip_to_end() {
  std::array<uint8_t, 4096> passed{};
  while (read_some(passed.data(), passed.size()) > 0) continue;
}

uint64_t ByteStream::at_most_left() const {
  if (inflater_) return (uint64_t{inflater_->stream.avail_in} + 1) * kLargestRatio + kLargestWindow;
  return file_.size() - position_;
}

}  // namespace dlengine
