// The element types of safetensors files, and what they become here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "dlengine/core/dtype.h"

namespace dlengine {

/// How the elements of one tensor are stored.
struct StoredType {
  const char* name;
  size_t bytes;  // of an element in the file
  DType dtype;   // of the tensor that it is read into
  /// Converts n elements; null: they are taken as they are.
  void (*widen)(const void* from, int64_t n, void* to) = nullptr;
};

/// The stored type of that name. Integers that dlengine has not become the next wider ones that it has.
/// Throws DTypeError for the format's other types, IoError for a name that is none of the format's.
const StoredType& stored_type(const std::string& tensor, const std::string& name);

/// The name under which a tensor of that type is written.
const char* stored_name(DType dtype);

}  // namespace dlengine
