// Making tensors.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "dlengine/core/random.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Uninitialised elements.
Tensor empty(const Shape& shape, DType dtype = DType::f32, Device device = kCpu);
/// In the layout of `other` too; see layout_of() in image_layout.h.
Tensor empty_like(const Tensor& other);
Tensor zeros(const Shape& shape, DType dtype = DType::f32, Device device = kCpu);
Tensor zeros_like(const Tensor& other);
Tensor ones(const Shape& shape, DType dtype = DType::f32, Device device = kCpu);
Tensor ones_like(const Tensor& other);
Tensor full(const Shape& shape, double value, DType dtype = DType::f32, Device device = kCpu);
Tensor full_like(const Tensor& other, double value);
/// 1 along the main diagonal, else 0.
Tensor eye(int64_t size, DType dtype = DType::f32, Device device = kCpu);
Tensor eye(int64_t rows, int64_t columns, DType dtype = DType::f32, Device device = kCpu);
/// A tensor of rank 0.
Tensor scalar(double value, DType dtype = DType::f32, Device device = kCpu);

/// start, start + step, ... before stop. Throws ValueError for step 0.
Tensor arange(double start, double stop, double step = 1, DType dtype = DType::f32, Device device = kCpu);

/// `count` numbers at equal distances, from start to stop, both included; one number is start. Throws
/// ValueError for a negative count.
Tensor linspace(double start, double stop, int64_t count = 50, DType dtype = DType::f32,
                Device device = kCpu);

/// The given elements in row-major order; their type is the tensor's. Throws ShapeError if the count differs.
template <typename T>
Tensor from_span(std::span<const T> values, const Shape& shape, Device device = kCpu);
template <typename T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, Device device = kCpu) {
  return from_span(std::span<const T>(values), shape, device);
}
/// A vector of rank 1 (f32).
Tensor tensor(std::initializer_list<float> values);
/// A matrix (f32) from its rows. Throws ShapeError if they differ in length.
Tensor tensor(std::initializer_list<std::initializer_list<float>> rows);

/// Uniform in [low, high).
Tensor rand(const Shape& shape, double low = 0, double high = 1, DType dtype = DType::f32,
            Device device = kCpu, Generator& generator = default_generator());
/// Normal with the given mean and standard deviation.
Tensor randn(const Shape& shape, double mean = 0, double deviation = 1, DType dtype = DType::f32,
             Device device = kCpu, Generator& generator = default_generator());

struct ChoiceOptions {
  bool replace = true;         // may a position come twice?
  std::vector<double> p = {};  // of each position; empty: all alike
};
/// Random positions of 0 .. n-1, i64 on the CPU, as numpy.random.choice. For elements of a tensor:
/// index_select(x, 0, choice(x.dim(0), {10})). Without replacement and with probabilities, positions are
/// drawn one after the other from those that are left. Throws ValueError for more positions than there are,
/// and unless p has n numbers that sum to 1.
Tensor choice(int64_t n, const Shape& shape, const ChoiceOptions& options = {},
              Generator& generator = default_generator());

}  // namespace dlengine
