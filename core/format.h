// For programs that use fmt: formatters, so that fmt::print("{}", tensor) works. No other public header
// brings fmt, so include this one where it is wanted.
#pragma once

#include <fmt/format.h>

#include <string>

#include "dlengine/core/device.h"
#include "dlengine/core/dtype.h"
#include "dlengine/core/shape.h"

namespace dlengine {

class Tensor;
std::string to_string(const Tensor& tensor);

}  // namespace dlengine

template <>
struct fmt::formatter<dlengine::DType> : fmt::formatter<fmt::string_view> {
  auto format(dlengine::DType dtype, fmt::format_context& context) const {
    const std::string_view text = dlengine::name(dtype);
    return fmt::formatter<fmt::string_view>::format({text.data(), text.size()}, context);
  }
};

template <>
struct fmt::formatter<dlengine::Dims> : fmt::formatter<fmt::string_view> {
  auto format(const dlengine::Dims& dims, fmt::format_context& context) const {
    return fmt::formatter<fmt::string_view>::format(dlengine::to_string(dims), context);
  }
};

template <>
struct fmt::formatter<dlengine::Device> : fmt::formatter<fmt::string_view> {
  auto format(dlengine::Device device, fmt::format_context& context) const {
    return fmt::formatter<fmt::string_view>::format(dlengine::to_string(device), context);
  }
};

template <>
struct fmt::formatter<dlengine::Tensor> : fmt::formatter<fmt::string_view> {
  auto format(const dlengine::Tensor& tensor, fmt::format_context& context) const {
    return fmt::formatter<fmt::string_view>::format(dlengine::to_string(tensor), context);
  }
};
