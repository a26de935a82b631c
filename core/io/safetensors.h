// safetensors files: named tensors and text metadata. Format: huggingface/safetensors.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Tensors by name, in the order of the file or of insertion.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

struct SafetensorsFile {
  NamedTensors tensors;  // on the CPU
  std::map<std::string, std::string> metadata;
};

/// Writes the file whole or not at all: to a temporary file beside it, synced, then renamed. Tensors may be
/// views and on any device. The header lists them in the order given; their elements stand widest type first,
/// so that each tensor is aligned. The same tensors give the same bytes. Throws IoError (the earlier file is
/// intact); ValueError for a name given twice, "__metadata__", a name or text that is not UTF-8, or an
/// undefined tensor.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// Reads the file. Nothing in it is trusted: lengths, offsets, overlaps, gaps, shapes and types are checked
/// before memory is taken. I8, I16 and U16 are read into i32, U32 into i64. Throws IoError that says what is
/// wrong and where; DTypeError for U64, F8_* and C64, also if other tensors of the file could be read.
SafetensorsFile load_safetensors(const std::string& path);

}  // namespace dlengine
