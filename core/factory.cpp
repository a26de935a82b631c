// Making tensors.
#include "dlengine/core/factory.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/graph/tracing.h"
#include "dlengine/core/image_layout.h"
#include "dlengine/core/small_blocks.h"

namespace dlengine {

Tensor empty(const Shape& shape, DType dtype, Device device) {
  size_t bytes = size_of(dtype);
  for (int64_t size : shape) {
    check<ShapeError>(size >= 0, "a tensor of shape {} cannot be: sizes are 0 or more", shape);
    check<OutOfMemoryError>(!__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes),
                            "out of memory: a tensor of shape {} has more bytes than can be addressed",
                            shape);
  }
  return {make_small<Storage>(bytes, device), 0, shape, contiguous_strides(shape), dtype};
}

Tensor full(const Shape& shape, double value, DType dtype, Device device) {
  return empty(shape, dtype, device).fill_(value);
}

Tensor zeros(const Shape& shape, DType dtype, Device device) { return full(shape, 0, dtype, device); }
Tensor ones(const Shape& shape, DType dtype, Device device) { return full(shape, 1, dtype, device); }
Tensor scalar(double value, DType dtype, Device device) { return full({}, value, dtype, device); }
Tensor empty_like(const Tensor& other) {
  other.check_defined("empty_like");
  return empty(other.shape(), other.dtype(), other.device(), layout_of(other));
}
Tensor zeros_like(const Tensor& other) {
  other.check_defined("zeros_like");
  return zeros(other.shape(), other.dtype(), other.device());
}
Tensor full_like(const Tensor& other, double value) {
  other.check_defined("full_like");
  return full(other.shape(), value, other.dtype(), other.device());
}
Tensor ones_like(const Tensor& other) {
  other.check_defined("ones_like");
  return ones(other.shape(), other.dtype(), other.device());
}

namespace {

/// Of `count` numbers of an operation that makes them on the host, in f64 first.
std::vector<double> host_numbers(const char* op, double count) {
  constexpr double kMost = 0x1p56 / sizeof(double);  // no machine has more memory
  try {
    if (count <= kMost) return std::vector<double>(static_cast<size_t>(count));
  } catch (const std::bad_alloc&) {
  }
  fail<OutOfMemoryError>("{}: out of memory: {} numbers need {:.3g} bytes", op, count,
                         count * sizeof(double));
}

}  // namespace

Tensor arange(double start, double stop, double step, DType dtype, Device device) {
  check<ValueError>(step != 0 && std::isfinite((stop - start) / step),
                    "arange: from {} to {} by {} has no end", start, stop, step);
  std::vector<double> values = host_numbers("arange", std::max(0.0, std::ceil((stop - start) / step)));
  const auto count = static_cast<int64_t>(values.size());
  for (int64_t i = 0; i < count; ++i) values[static_cast<size_t>(i)] = start + static_cast<double>(i) * step;
  return from_vector(values, {count}).to(dtype).to(device);
}

Tensor linspace(double start, double stop, int64_t count, DType dtype, Device device) {
  check<ValueError>(count >= 0, "linspace: need a count of 0 or more, got {}", count);
  std::vector<double> values = host_numbers("linspace", static_cast<double>(count));
  const double distance = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<size_t>(i)] = start + static_cast<double>(i) * distance;
  }
  if (count > 1) values.back() = stop;
  return from_vector(values, {count}).to(dtype).to(device);
}

Tensor eye(int64_t size, DType dtype, Device device) { return eye(size, size, dtype, device); }

Tensor eye(int64_t rows, int64_t columns, DType dtype, Device device) {
  Tensor y = zeros({rows, columns}, dtype, device);
  Tensor(y.storage(), 0, {std::min(rows, columns)}, {columns + 1}, dtype).fill_(1);
  return y;
}

template <typename T>
Tensor from_span(std::span<const T> values, const Shape& shape, Device device) {
  Capture::refuse("makes a tensor from values of the host");
  Tensor host = empty(shape, dtype_of<T>);
  check<ShapeError>(static_cast<int64_t>(values.size()) == host.numel(),
                    "from_span: {} values do not fill {}", values.size(), shape);
  if (!values.empty()) std::memcpy(host.raw(), values.data(), values.size_bytes());
  note_host_values(host);
  return host.to(device);
}

template Tensor from_span(std::span<const Half>, const Shape&, Device);
template Tensor from_span(std::span<const BFloat16>, const Shape&, Device);
template Tensor from_span(std::span<const float>, const Shape&, Device);
template Tensor from_span(std::span<const double>, const Shape&, Device);
template Tensor from_span(std::span<const uint8_t>, const Shape&, Device);
template Tensor from_span(std::span<const int32_t>, const Shape&, Device);
template Tensor from_span(std::span<const int64_t>, const Shape&, Device);
template Tensor from_span(std::span<const bool>, const Shape&, Device);

Tensor tensor(std::initializer_list<float> values) {
  return from_span(std::span<const float>(values.begin(), values.size()),
                   {static_cast<int64_t>(values.size())});
}

Tensor tensor(std::initializer_list<std::initializer_list<float>> rows) {
  const size_t columns = rows.size() == 0 ? 0 : rows.begin()->size();
  std::vector<float> values;
  for (const auto& row : rows) {
    check<ShapeError>(row.size() == columns, "tensor: rows have {} and {} elements", columns, row.size());
    values.insert(values.end(), row.begin(), row.end());
  }
  return from_vector(values, {static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)});
}

namespace {

void check_floating(const char* op, DType dtype) {
  if (!is_floating(dtype)) throw_unsupported_dtype(op, dtype, "a floating type");
}

}  // namespace

Tensor rand(const Shape& shape, double low, double high, DType dtype, Device device, Generator& generator) {
  check_floating("rand", dtype);
  check<ValueError>(low <= high, "rand: need low <= high, got {} and {}", low, high);
  Tensor y = empty(shape, dtype, device);
  backend_for(device).uniform(y, low, high, generator.next_key());
  return y;
}

Tensor randn(const Shape& shape, double mean, double deviation, DType dtype, Device device,
             Generator& generator) {
  check_floating("randn", dtype);
  check<ValueError>(!(deviation < 0), "randn: need a deviation of 0 or more, got {}", deviation);
  Tensor y = empty(shape, dtype, device);
  backend_for(device).normal(y, mean, deviation, generator.next_key());
  return y;
}

}  // namespace dlengine
