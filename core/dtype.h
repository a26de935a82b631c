// Element types, and the step from a run-time DType to a compile-time type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "dlengine/core/half.h"
#include "dlengine/core/host_device.h"

namespace dlengine {

/// Element type of a tensor. f16 and bf16 are stored in 16 bits and computed in f32.
enum class DType : uint8_t { f16, bf16, f32, f64, u8, i32, i64, boolean };

/// "f32", "i64", "bool", ...
std::string_view name(DType dtype);
/// Writes the name.
std::ostream& operator<<(std::ostream& out, DType dtype);
/// Bytes of one element.
constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
    case DType::boolean: return 1;
    case DType::f16:
    case DType::bf16: return 2;
    case DType::f32:
    case DType::i32: return 4;
    case DType::f64:
    case DType::i64: return 8;
  }
  return 0;
}
/// f16, bf16, f32, f64.
constexpr bool is_floating(DType dtype) { return dtype <= DType::f64; }

/// The type in which an operation on a and b computes; docs/numerics.md has the table.
/// Floating beats integer beats bool, then the wider one wins; f16 with bf16 gives f32.
DType promote(DType a, DType b);

/// Carries a type as a value: `[&]<typename T>(Type<T>) { ... }`.
template <typename T>
struct Type {
  using type = T;
};

/// DType of a C++ type.
template <typename T>
constexpr DType dtype_of = [] { static_assert(sizeof(T) == 0, "no DType for this C++ type"); }();
template <>
inline constexpr DType dtype_of<Half> = DType::f16;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::bf16;
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::i64;
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;

namespace detail {
template <typename T>
struct AccumulateOf {
  using type = T;
};
template <>
struct AccumulateOf<Half> {
  using type = float;
};
template <>
struct AccumulateOf<BFloat16> {
  using type = float;
};
}  // namespace detail

/// The type in which elements of T are computed and summed: f32 for the 16-bit floats, else T.
template <typename T>
using Accumulate = typename detail::AccumulateOf<T>::type;

[[noreturn]] void throw_unsupported_dtype(std::string_view op, DType dtype, std::string_view needed);

/// Calls f(Type<T>{}) with the type of dtype.
template <typename F>
decltype(auto) visit(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f16: return f(Type<Half>{});
    case DType::bf16: return f(Type<BFloat16>{});
    case DType::f32: return f(Type<float>{});
    case DType::f64: return f(Type<double>{});
    case DType::u8: return f(Type<uint8_t>{});
    case DType::i32: return f(Type<int32_t>{});
    case DType::i64: return f(Type<int64_t>{});
    case DType::boolean: return f(Type<bool>{});
  }
  throw_unsupported_dtype("visit", dtype, "a known type");
}

/// visit() for f16, bf16, f32 and f64; anything else is a DTypeError that names op.
template <typename F>
decltype(auto) visit_floating(DType dtype, std::string_view op, F&& f) {
  switch (dtype) {
    case DType::f16: return f(Type<Half>{});
    case DType::bf16: return f(Type<BFloat16>{});
    case DType::f32: return f(Type<float>{});
    case DType::f64: return f(Type<double>{});
    case DType::u8:
    case DType::i32:
    case DType::i64:
    case DType::boolean: break;
  }
  throw_unsupported_dtype(op, dtype, "a floating type");
}

/// visit() for every type but bool; bool is a DTypeError that names op.
template <typename F>
decltype(auto) visit_numeric(DType dtype, std::string_view op, F&& f) {
  switch (dtype) {
    case DType::f16: return f(Type<Half>{});
    case DType::bf16: return f(Type<BFloat16>{});
    case DType::f32: return f(Type<float>{});
    case DType::f64: return f(Type<double>{});
    case DType::u8: return f(Type<uint8_t>{});
    case DType::i32: return f(Type<int32_t>{});
    case DType::i64: return f(Type<int64_t>{});
    case DType::boolean: break;
  }
  throw_unsupported_dtype(op, dtype, "a numeric type");
}

}  // namespace dlengine
