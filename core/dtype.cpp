// Names, sizes and promotion of element types.
#include "dlengine/core/dtype.h"

#include <algorithm>
#include <ostream>

#include "dlengine/core/check.h"

namespace dlengine {

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::f16: return "f16";
    case DType::bf16: return "bf16";
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::u8: return "u8";
    case DType::i32: return "i32";
    case DType::i64: return "i64";
    case DType::boolean: return "bool";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name(dtype); }

DType promote(DType a, DType b) {
  if (a == b) return a;
  const auto rank = [](DType dtype) {
    switch (dtype) {
      case DType::boolean: return 0;
      case DType::u8: return 1;
      case DType::i32: return 2;
      case DType::i64: return 3;
      case DType::f16:
      case DType::bf16: return 4;
      case DType::f32: return 5;
      case DType::f64: return 6;
    }
    return 0;
  };
  if (rank(a) == 4 && rank(b) == 4) return DType::f32;  // neither 16-bit type holds the other
  return rank(a) > rank(b) ? a : b;
}

void throw_unsupported_dtype(std::string_view op, DType dtype, std::string_view needed) {
  fail<DTypeError>("{}: got {}, need {}", op, dtype, needed);
}

}  // namespace dlengine
