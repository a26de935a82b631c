// The file: two zero bytes, type code, rank; one big-endian u32 per axis; the elements, last axis fastest.
#include "dlengine/data/idx.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/data/byte_stream.h"

namespace dlengine {

namespace {

constexpr int kUnsignedByte = 0x08;

Shape read_shape(ByteStream& stream) {
  std::array<uint8_t, 4> magic{};
  stream.read(magic.data(), magic.size(), "magic number");
  check<IoError>(magic[0] == 0 && magic[1] == 0,
                 "this is no IDX file: it starts with bytes {:02x} {:02x}, need 00 00", magic[0], magic[1]);
  check<IoError>(magic[2] == kUnsignedByte, "type code is 0x{:02x}, need 0x08 (unsigned byte)", magic[2]);
  check<IoError>(magic[3] >= 1 && magic[3] <= kMaxRank, "rank is {}, need 1 to {}", magic[3], kMaxRank);
  Shape shape;
  for (int axis = 0; axis < magic[3]; ++axis) {
    std::array<uint8_t, 4> size{};
    stream.read(size.data(), size.size(), "sizes");
    shape.push_back(int64_t{size[0]} << 24 | int64_t{size[1]} << 16 | int64_t{size[2]} << 8 |
                    int64_t{size[3]});
  }
  return shape;
}

/// Refuses a header that claims more bytes than can come, so that nothing is allocated on its word.
void check_size(const Shape& shape, uint64_t at_most) {
  uint64_t bytes = 1;
  bool is_empty = false, overflow = false;
  for (const int64_t size : shape) {  // sizes of 0 count 1, as strides are products too
    is_empty |= size == 0;
    overflow |= __builtin_mul_overflow(bytes, std::max<uint64_t>(static_cast<uint64_t>(size), 1), &bytes);
  }
  overflow |= bytes > std::numeric_limits<int64_t>::max();
  check<IoError>(!overflow && (is_empty || bytes <= at_most),
                 "the header says {}, but at most {} bytes follow", shape, at_most);
}

Tensor read(const std::string& path) {
  ByteStream stream(path);
  const Shape shape = read_shape(stream);
  check_size(shape, stream.at_most_left());
  Tensor array = empty(shape, DType::u8);
  stream.read(array.raw(), static_cast<size_t>(array.numel()), "elements");
  stream.expect_end();
  return array;
}

Tensor to_class_numbers(const Tensor& labels, const std::string& path, int64_t classes) {
  const auto* label = labels.data<uint8_t>();
  Tensor numbers = empty(labels.shape(), DType::i64);
  auto* number = numbers.data<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i) {
    check<IoError>(label[i] < classes, "load_idx_pair: {}: label {} is {}, need 0 to {}", path, i, label[i],
                   classes - 1);
    number[i] = label[i];
  }
  return numbers;
}

}  // namespace

Tensor read_idx(const std::string& path) try { return read(path); } catch (Error& error) {
  error.add_context("read_idx: " + path);
  throw;
}

TensorDataset load_idx_pair(const std::string& images_path, const std::string& labels_path, int64_t classes) {
  const Tensor images = read_idx(images_path);
  const Tensor labels = read_idx(labels_path);
  check<IoError>(images.rank() == 3, "load_idx_pair: {}: need images [N, H, W], got {}", images_path,
                 images.shape());
  check<IoError>(labels.rank() == 1, "load_idx_pair: {}: need labels [N], got {}", labels_path,
                 labels.shape());
  check<IoError>(images.dim(0) == labels.dim(0), "load_idx_pair: {} images in {}, but {} labels in {}",
                 images.dim(0), images_path, labels.dim(0), labels_path);
  return {images.unsqueeze(1), to_class_numbers(labels, labels_path, classes)};
}

}  // namespace dlengine
