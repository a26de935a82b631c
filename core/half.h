// 16-bit floating types as storage: arithmetic happens in float. Rounding is to nearest, ties to even.
#pragma once

#include <cstdint>

#include "dlengine/core/host_device.h"

namespace dlengine {

namespace detail {

// The builtin, because std::bit_cast is a host function for nvcc.
DLENGINE_HOST_DEVICE constexpr uint32_t float_bits(float value) {
  return __builtin_bit_cast(uint32_t, value);
}
DLENGINE_HOST_DEVICE constexpr float bits_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }

/// IEEE 754 binary16 -> binary32, exact.
DLENGINE_HOST_DEVICE constexpr float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f) return bits_float(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return bits_float(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float subnormal = float(mantissa) * bits_float(0x33800000u);  // times 2^-24
  return bits_float(sign | float_bits(subnormal));
}

/// IEEE 754 binary32 -> binary16, to nearest even.
DLENGINE_HOST_DEVICE constexpr uint16_t float_to_half(float value) {
  const uint32_t bits = float_bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return uint16_t(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return uint16_t(sign | 0x7c00u);  // rounds to infinity
  if (magnitude < 0x38800000u) {
    // Subnormal half: adding 0.5 puts its last bit at the last bit of the sum, which rounds to even.
    const float sum = bits_float(magnitude) + 0.5f;
    return uint16_t(sign | (float_bits(sum) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return uint16_t(sign | ((rounded - 0x38000000u) >> 13));
}

/// binary32 -> bfloat16, to nearest even.
DLENGINE_HOST_DEVICE constexpr uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = float_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return uint16_t((bits >> 16) | 0x40u);  // NaN stays quiet
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace detail

/// IEEE 754 binary16.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  DLENGINE_HOST_DEVICE constexpr explicit Half(float value) : bits(detail::float_to_half(value)) {}
  DLENGINE_HOST_DEVICE constexpr operator float() const { return detail::half_to_float(bits); }
};

/// The upper half of a binary32.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  DLENGINE_HOST_DEVICE constexpr explicit BFloat16(float value) : bits(detail::float_to_bfloat16(value)) {}
  DLENGINE_HOST_DEVICE constexpr operator float() const { return detail::bits_float(uint32_t(bits) << 16); }
};

}  // namespace dlengine
