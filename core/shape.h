// Sizes and strides of a tensor, and the rules that combine them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

namespace dlengine {

/// Largest number of axes of a tensor.
inline constexpr int kMaxRank = 8;

/// The axis as 0 <= axis < rank; negative ones count from the end. Throws ShapeError that names op.
int normalize_axis(const char* op, int axis, int rank);

/// A short list of int64 held inline: the sizes or the strides of a tensor, outermost axis first.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values)
      : Dims(std::span<const int64_t>(values.begin(), values.size())) {}
  explicit Dims(std::span<const int64_t> values);
  /// count axes, each of the given value.
  static Dims filled(int count, int64_t value);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  /// Negative axes count from the end. Throws ShapeError for an axis that is not there.
  int64_t& operator[](int axis) { return values_[place(axis)]; }
  int64_t operator[](int axis) const { return values_[place(axis)]; }
  int64_t* begin() { return values_.data(); }
  int64_t* end() { return values_.data() + rank_; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + rank_; }
  int64_t back() const { return (*this)[-1]; }

  // These throw ShapeError beyond kMaxRank axes, and for an axis that is not there.
  void push_back(int64_t value);
  void insert(int axis, int64_t value);  // in front of `axis`, which may be rank()
  void erase(int axis);

  /// Product of all values; 1 where there are none.
  int64_t product() const {
    int64_t result = 1;
    for (int64_t value : *this) result *= value;
    return result;
  }
  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.rank_ != b.rank_) return false;
    for (int axis = 0; axis < a.rank_; ++axis) {
      if (a.values_[static_cast<size_t>(axis)] != b.values_[static_cast<size_t>(axis)]) return false;
    }
    return true;
  }

 private:
  size_t place(int axis) const {
    if (static_cast<unsigned>(axis) >= static_cast<unsigned>(rank_)) [[unlikely]]
      axis = normalize_axis("operator[]", axis, rank_);
    return static_cast<size_t>(axis);
  }

  std::array<int64_t, kMaxRank> values_{};
  int rank_ = 0;
};

using Shape = Dims;
using Strides = Dims;

/// "[2, 3, 4]".
std::string to_string(const Dims& dims);
std::ostream& operator<<(std::ostream& out, const Dims& dims);

/// Row-major strides in elements.
Strides contiguous_strides(const Shape& shape);

/// True if (shape, strides) is row-major without gaps; axes of size 1 may have any stride.
bool is_contiguous(const Shape& shape, const Strides& strides);

/// Strides in elements of images [N, C, H, W] that lie in memory as [N, H, W, C].
Strides channels_last_strides(const Shape& images);

/// True if (shape, strides) are images in this order without gaps; axes of size 1 may have any stride, so
/// images of one channel or one pixel are row-major as well.
bool is_channels_last(const Shape& shape, const Strides& strides);

/// The axes in the order in which memory runs through them: the one with the largest stride first.
Dims axes_by_stride(const Strides& strides);

/// NumPy's rule: trailing axes are aligned, and of two sizes one is 1 or both are equal. Throws ShapeError
/// naming op.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

/// Strides that read a tensor of (shape, strides) as `target`: 0 along broadcast axes.
Strides broadcast_strides(const Shape& shape, const Strides& strides, const Shape& target);

}  // namespace dlengine
