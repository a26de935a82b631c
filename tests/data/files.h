// Bytes of the file formats, made for tests.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/core/factory.h"
#include "dlengine/core/tensor.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {

inline std::string big_endian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

/// An IDX file of unsigned bytes; elements count 0, 1, 2, ...
inline std::string idx_header(const std::vector<uint32_t>& sizes) {
  std::string bytes = {0, 0, 8, static_cast<char>(sizes.size())};
  for (const uint32_t size : sizes) bytes += big_endian(size);
  return bytes;
}

inline std::string idx_file(const std::vector<uint32_t>& sizes) {
  uint32_t count = 1;
  for (const uint32_t size : sizes) count *= size;
  std::string bytes = idx_header(sizes);
  for (uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i);
  return bytes;
}

/// As gzip(1) does it.
inline std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// What stands before a file of so many bytes in a tar archive.
inline std::string tar_header(const std::string& path, uint64_t bytes, char type = '0') {
  std::string header(512, '\0');
  const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  const auto octal = [](uint64_t number) {
    std::string digits(11, '0');
    for (size_t i = 11; i-- > 0; number /= 8) digits[i] = static_cast<char>('0' + number % 8);
    return digits;
  };
  put(0, path);
  put(124, octal(bytes));
  put(148, "        ");
  header[156] = type;
  uint64_t sum = 0;
  for (const char byte : header) sum += static_cast<uint8_t>(byte);
  put(148, octal(sum).substr(5) + std::string(1, '\0') + " ");
  return header;
}

/// A file in a tar archive: header and content, filled up to whole blocks of 512 bytes.
inline std::string tar_entry(const std::string& path, const std::string& content, char type = '0') {
  return tar_header(path, content.size(), type) + content +
         std::string((512 - content.size() % 512) % 512, '\0');
}

/// What ends a tar archive.
inline std::string tar_end() { return std::string(1024, '\0'); }

inline std::vector<int64_t> dims(const Tensor& tensor) {
  return {tensor.shape().begin(), tensor.shape().end()};
}

}  // namespace dlengine::test
