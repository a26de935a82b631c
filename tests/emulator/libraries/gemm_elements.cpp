// Elements of tensors as the library stand-ins read and write them.
#include "tests/emulator/libraries/gemm_elements.h"

#include <bit>
#include <cmath>
#include <stdexcept>
#include <type_traits>

#include "dlengine/core/half.h"

namespace dlengine::emulator {

namespace {

template <typename Stored, typename T>
void load_as(const void* from, int64_t count, T* to) {
  const auto* values = static_cast<const Stored*>(from);
  for (int64_t i = 0; i < count; ++i) to[i] = T(values[i]);
}

template <typename Stored, typename T>
void store_as(const T* values, int64_t count, const Blend& blend, void* to) {
  auto* out = static_cast<Stored*>(to);
  const T alpha = T(blend.alpha), beta = T(blend.beta);
  for (int64_t i = 0; i < count; ++i) {
    out[i] = Stored(beta == 0 ? alpha * values[i] : alpha * values[i] + beta * T(out[i]));
  }
}

// Calls f with an element of the type; a 16-bit one knows only float.
template <typename T, typename F>
void visit(Element element, F&& f) {
  switch (element) {
    case Element::f16: return f(Half{});
    case Element::bf16: return f(BFloat16{});
    case Element::f32: return f(float{});
    case Element::f64: break;
  }
  if constexpr (std::is_same_v<T, double>) return f(double{});
  throw std::logic_error("f64 does not go through float");
}

}  // namespace

size_t size_of(Element element) {
  if (element == Element::f64) return 8;
  return element == Element::f32 ? 4 : 2;
}

void load(Element element, const void* from, int64_t count, float* to) {
  visit<float>(element, [&](auto stored) { load_as<decltype(stored)>(from, count, to); });
}
void load(Element element, const void* from, int64_t count, double* to) {
  visit<double>(element, [&](auto stored) { load_as<decltype(stored)>(from, count, to); });
}

void store(Element element, const float* values, int64_t count, const Blend& blend, void* to) {
  visit<float>(element, [&](auto stored) { store_as<decltype(stored)>(values, count, blend, to); });
}
void store(Element element, const double* values, int64_t count, const Blend& blend, void* to) {
  visit<double>(element, [&](auto stored) { store_as<decltype(stored)>(values, count, blend, to); });
}

void round_to_tf32(int64_t count, float* values) {
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) continue;
    const auto bits = std::bit_cast<uint32_t>(values[i]);
    values[i] = std::bit_cast<float>((bits + 0xfff + ((bits >> 13) & 1)) & ~uint32_t{0x1fff});
  }
}

}  // namespace dlengine::emulator
