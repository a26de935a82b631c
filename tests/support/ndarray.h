// A plain array of doubles: what the references take and give, and its way to and from tensors.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine::test {

/// Elements in row-major order.
struct NdArray {
  Shape shape;
  std::vector<double> values;

  NdArray() : NdArray(Shape{}) {}
  explicit NdArray(const Shape& sizes, double value = 0)
      : shape(sizes), values(static_cast<size_t>(sizes.product()), value) {}
  NdArray(const Shape& sizes, std::vector<double> elements) : shape(sizes), values(std::move(elements)) {}

  int64_t numel() const { return static_cast<int64_t>(values.size()); }
  double& operator[](int64_t i) { return values[static_cast<size_t>(i)]; }
  double operator[](int64_t i) const { return values[static_cast<size_t>(i)]; }
  double& at(const Dims& index) { return (*this)[flat(index)]; }
  double at(const Dims& index) const { return (*this)[flat(index)]; }
  /// at() for the four axes of images and filters.
  double& at(int64_t n, int64_t c, int64_t h, int64_t w) { return (*this)[flat(n, c, h, w)]; }
  double at(int64_t n, int64_t c, int64_t h, int64_t w) const { return (*this)[flat(n, c, h, w)]; }

 private:
  int64_t flat(const Dims& index) const {
    int64_t position = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) position = position * shape[axis] + index[axis];
    return position;
  }
  int64_t flat(int64_t n, int64_t c, int64_t h, int64_t w) const {
    return ((n * shape[1] + c) * shape[2] + h) * shape[3] + w;
  }
};

/// Calls f(index) for every position of the shape, in row-major order.
template <typename F>
void for_each_index(const Shape& shape, F&& f) {
  const int64_t count = shape.product();
  Dims index = Dims::filled(shape.rank(), 0);
  for (int64_t i = 0; i < count; ++i) {
    f(static_cast<const Dims&>(index));
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/// The value that a tensor of this type holds for x.
double rounded(double x, DType dtype);
NdArray rounded(const NdArray& x, DType dtype);

/// A contiguous tensor of these elements.
Tensor to_tensor(const NdArray& x, DType dtype, Device device = kCpu);
NdArray to_ndarray(const Tensor& x);

/// Uniform in [0, 1).
double uniform01(std::mt19937_64& rng);
NdArray random_array(const Shape& shape, double low, double high, std::mt19937_64& rng);

}  // namespace dlengine::test
