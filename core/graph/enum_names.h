// Internal: enumerators by the names they have in the source, so that files do not depend on their order.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace dlengine {

namespace detail {

/// "relu" for UnaryOp::relu, as the compiler spells it; "" where the enum has no such value.
template <auto kValue>
constexpr std::string_view enumerator_name() {
  constexpr std::string_view spelled =
      __PRETTY_FUNCTION__;  // .. [with auto kValue = dlengine::UnaryOp::relu; ..
  constexpr std::string_view before = "kValue = ";
  constexpr size_t begin = spelled.find(before) + before.size();
  constexpr std::string_view value = spelled.substr(begin, spelled.find_first_of(";]", begin) - begin);
  return value.starts_with('(') ? std::string_view() : value.substr(value.rfind(':') + 1);
}

template <typename E, size_t... kNumbers>
constexpr std::array<std::string_view, sizeof...(kNumbers)> names_of(std::index_sequence<kNumbers...>) {
  return {enumerator_name<static_cast<E>(kNumbers)>()...};
}

/// By number; enums count from 0 and have fewer than 64 values.
template <typename E>
inline constexpr auto kEnumNames = names_of<E>(std::make_index_sequence<64>());

}  // namespace detail

template <typename E>
constexpr std::string_view enum_name(E value) {
  return detail::kEnumNames<E>[static_cast<size_t>(value)];
}

/// The value of that name; none if there is none.
template <typename E>
constexpr std::optional<E> enum_value(std::string_view name) {
  for (size_t i = 0; i < detail::kEnumNames<E>.size() && !name.empty(); ++i) {
    if (detail::kEnumNames<E>[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace dlengine
