// Internal: what a call of a graph is told besides its tensors.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "dlengine/core/graph/enum_names.h"
#include "dlengine/core/op_params.h"

namespace dlengine {

using AttributeValue = std::variant<bool, int64_t, double, Size2, std::string>;
/// By name, in the order of the function's arguments. Those that have the usual value are left out.
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

/// The same to the last bit; a NaN equals itself.
bool same(const Attributes& a, const Attributes& b);

/// "relu", "2x2", "-0.5".
std::string to_string(const AttributeValue& value);

/// Throws IoError that names the attribute if the value is none of T's.
[[noreturn]] void throw_bad_attribute(const std::string& name, const AttributeValue& value);

template <typename T>
AttributeValue encode_attribute(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return std::string(enum_name(value));
  } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    return int64_t{value};
  } else {
    return value;
  }
}

/// As T, checked.
template <typename T>
T decode_attribute(const std::string& name, const AttributeValue& value) {
  if constexpr (std::is_enum_v<T>) {
    const auto* text = std::get_if<std::string>(&value);
    if (const auto found = text ? enum_value<T>(*text) : std::nullopt) return *found;
  } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    const auto* number = std::get_if<int64_t>(&value);
    if (number && std::in_range<T>(*number)) return static_cast<T>(*number);
  } else if (const T* given = std::get_if<T>(&value)) {
    return *given;
  }
  throw_bad_attribute(name, value);
}

}  // namespace dlengine
