// One table of the element types of safetensors files.
#include "dlengine/core/io/element_types.h"

#include <algorithm>
#include <array>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

template <typename From, typename To>
void convert(const void* from, int64_t n, void* to) {
  std::copy_n(static_cast<const From*>(from), n, static_cast<To*>(to));
}

constexpr std::array<StoredType, 12> kTypes = {{{"F16", 2, DType::f16},
                                                {"BF16", 2, DType::bf16},
                                                {"F32", 4, DType::f32},
                                                {"F64", 8, DType::f64},
                                                {"U8", 1, DType::u8},
                                                {"I32", 4, DType::i32},
                                                {"I64", 8, DType::i64},
                                                {"BOOL", 1, DType::boolean},
                                                {"I8", 1, DType::i32, convert<int8_t, int32_t>},
                                                {"I16", 2, DType::i32, convert<int16_t, int32_t>},
                                                {"U16", 2, DType::i32, convert<uint16_t, int32_t>},
                                                {"U32", 4, DType::i64, convert<uint32_t, int64_t>}}};
constexpr std::array<const char*, 4> kForeignTypes = {"U64", "F8_E4M3", "F8_E5M2", "C64"};

}  // namespace

const StoredType& stored_type(const std::string& tensor, const std::string& name) {
  const auto found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](auto& type) { return name == type.name; });
  if (found != kTypes.end()) return *found;
  check<DTypeError>(
      std::find(kForeignTypes.begin(), kForeignTypes.end(), name) == kForeignTypes.end(),
      "tensor \"{}\" has element type {}, need one of F16, BF16, F32, F64, U8, U16, U32, I8, I16, "
      "I32, I64, BOOL",
      tensor, name);
  fail<IoError>("tensor \"{}\" has the unknown element type \"{}\"", tensor, name);
}

const char* stored_name(DType dtype) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](auto& type) { return type.dtype == dtype && !type.widen; });
  return found->name;
}

}  // namespace dlengine
