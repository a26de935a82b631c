// Element types, promotion, and the 16-bit floats bit by bit.
#include "dlengine/core/dtype.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TEST(DType, HasNameAndSize) {
  EXPECT_EQ(name(DType::bf16), "bf16");
  EXPECT_EQ(name(DType::boolean), "bool");
  EXPECT_EQ(size_of(DType::f16), 2U);
  EXPECT_EQ(size_of(DType::f64), 8U);
  EXPECT_EQ(size_of(DType::u8), 1U);
  for (const DType dtype : all_types()) {
    visit(dtype, [&]<typename T>(Type<T>) {
      EXPECT_EQ(size_of(dtype), sizeof(T));
      EXPECT_EQ(dtype_of<T>, dtype);
    });
  }
}

TEST(DType, VisitsRefuseOtherTypesByName) {
  const auto nothing = []<typename T>(Type<T>) {};
  expect_throw<DTypeError>([&] { visit_floating(DType::i32, "some_op", nothing); },
                           {"some_op", "i32", "floating"});
  expect_throw<DTypeError>([&] { visit_numeric(DType::boolean, "some_op", nothing); },
                           {"some_op", "bool", "numeric"});
}

TEST(Promotion, IsSymmetricAndIdempotent) {
  for (const DType a : all_types()) {
    EXPECT_EQ(promote(a, a), a);
    for (const DType b : all_types()) {
      EXPECT_EQ(name(promote(a, b)), name(promote(b, a)));
      EXPECT_EQ(is_floating(promote(a, b)), is_floating(a) || is_floating(b));
      EXPECT_GE(size_of(promote(a, b)),
                is_floating(a) && is_floating(b) ? std::max(size_of(a), size_of(b)) : 1U);
    }
  }
  EXPECT_EQ(promote(DType::f16, DType::bf16), DType::f32);
  EXPECT_EQ(promote(DType::i64, DType::bf16), DType::bf16);
  EXPECT_EQ(promote(DType::u8, DType::i32), DType::i32);
  EXPECT_EQ(promote(DType::boolean, DType::u8), DType::u8);
}

// --- Half and BFloat16 against the definition of the formats, in double ---

struct Format {
  int mantissa_bits;
  int exponent_bits;
  uint16_t (*encode)(float);
  float (*decode)(uint16_t);
};

const Format kFormats[] = {
    {10, 5, [](float x) { return Half(x).bits; },
     [](uint16_t bits) {
       Half h;
       h.bits = bits;
       return float(h);
     }},
    {7, 8, [](float x) { return BFloat16(x).bits; },
     [](uint16_t bits) {
       BFloat16 b;
       b.bits = bits;
       return float(b);
     }},
};

double defined_value(const Format& format, uint16_t bits) {
  const int sign = bits >> 15;
  const int exponent = (bits >> format.mantissa_bits) & ((1 << format.exponent_bits) - 1);
  const int mantissa = bits & ((1 << format.mantissa_bits) - 1);
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  double magnitude = 0;
  if (exponent == (1 << format.exponent_bits) - 1) {
    magnitude = mantissa ? NAN : INFINITY;
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, 1 - bias - format.mantissa_bits);
  } else {
    magnitude = std::ldexp(mantissa + (1 << format.mantissa_bits), exponent - bias - format.mantissa_bits);
  }
  return sign ? -magnitude : magnitude;
}

TEST(HalfFormats, DecodeAndEncodeAllValues) {
  for (const Format& format : kFormats) {
    for (int i = 0; i < 65536; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      const double want = defined_value(format, bits);
      const float got = format.decode(bits);
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(got)) << i;
        ASSERT_TRUE(std::isnan(format.decode(format.encode(got)))) << i;
        continue;
      }
      ASSERT_EQ(got, want) << i;
      ASSERT_EQ(std::signbit(got), bits >> 15 != 0) << i;
      ASSERT_EQ(format.encode(got), bits) << i;
    }
  }
}

TEST(HalfFormats, RoundToNearestWithTiesToEven) {
  for (const Format& format : kFormats) {
    const auto infinity = static_cast<uint16_t>(((1 << format.exponent_bits) - 1) << format.mantissa_bits);
    for (uint16_t bits = 0; bits < infinity; ++bits) {
      const double low = defined_value(format, bits);
      // One step further would be the value after the largest: what rounds to infinity lies halfway to it.
      const double step = bits + 1 < infinity ? defined_value(format, static_cast<uint16_t>(bits + 1)) - low
                                              : low - defined_value(format, static_cast<uint16_t>(bits - 1));
      const auto middle = static_cast<float>(low + step / 2);
      if (middle == 0 || !std::isfinite(middle)) continue;
      const auto even = static_cast<uint16_t>(bits + bits % 2);
      ASSERT_EQ(format.encode(middle), even) << bits;
      ASSERT_EQ(format.encode(-middle), even | 0x8000) << bits;
      ASSERT_EQ(format.encode(std::nextafter(middle, 0.0F)), bits) << bits;
      ASSERT_EQ(format.encode(std::nextafter(middle, INFINITY)), bits + 1) << bits;
    }
    EXPECT_EQ(format.encode(INFINITY), infinity);
    EXPECT_EQ(format.encode(-INFINITY), infinity | 0x8000);
    EXPECT_EQ(format.encode(std::numeric_limits<float>::max()), infinity);
    EXPECT_EQ(format.encode(std::numeric_limits<float>::denorm_min()), 0);
  }
}

}  // namespace
}  // namespace dlengine::test
