// Conversions between arrays of doubles and tensors.
#include "tests/support/ndarray.h"

#include <memory>
#include <span>

#include "dlengine/core/factory.h"

namespace dlengine::test {
namespace {

template <typename T>
T from_double(double x) {
  if constexpr (sizeof(T) == 2) {
    return T(static_cast<float>(x));
  } else {
    return static_cast<T>(x);
  }
}

}  // namespace

double rounded(double x, DType dtype) {
  return visit(dtype, [&]<typename T>(Type<T>) { return static_cast<double>(from_double<T>(x)); });
}

NdArray rounded(const NdArray& x, DType dtype) {
  NdArray y = x;
  for (double& value : y.values) value = rounded(value, dtype);
  return y;
}

Tensor to_tensor(const NdArray& x, DType dtype, Device device) {
  return visit(dtype, [&]<typename T>(Type<T>) {
    const auto elements =
        std::make_unique<T[]>(x.values.size());  // not a vector: vector<bool> has no elements
    for (size_t i = 0; i < x.values.size(); ++i) elements[i] = from_double<T>(x.values[i]);
    return from_span(std::span<const T>(elements.get(), x.values.size()), x.shape, device);
  });
}

NdArray to_ndarray(const Tensor& x) { return {x.shape(), x.to_vector<double>()}; }

double uniform01(std::mt19937_64& rng) { return static_cast<double>(rng() >> 11) * 0x1p-53; }

NdArray random_array(const Shape& shape, double low, double high, std::mt19937_64& rng) {
  NdArray x(shape);
  for (double& value : x.values) value = low + (high - low) * uniform01(rng);
  return x;
}

}  // namespace dlengine::test
