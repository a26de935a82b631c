// What lies in the descriptors of cuBLASLt, which the caller keeps and copies as he likes.
#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/emulator/libraries/library_kinds.h"

namespace dlengine::emulator {

/// Files a report that names the API function, and returns the status.
cublasStatus_t refuse(cublasStatus_t status, std::string_view kind, const std::string& text);

/// Each begins with a tag that no other kind of descriptor has.
struct LtOperation {
  static constexpr uint64_t kTag = 0x6f7065726174696f;
  uint64_t tag = kTag;
  int32_t compute, scale;
  int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};

struct LtLayout {
  static constexpr uint64_t kTag = 0x6c61796f75740001;
  uint64_t tag = kTag;
  int32_t type;
  int32_t batch = 1;
  uint64_t rows, columns;
  int64_t leading;
  int64_t batch_step = 0;
};

struct LtPreference {
  static constexpr uint64_t kTag = 0x707265666572656e;
  uint64_t tag = kTag;
  uint64_t workspace = 0;
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};

/// An algorithm serves the problem that it was chosen for.
struct LtAlgorithm {
  static constexpr uint64_t kTag = 0x616c676f72697468;
  uint64_t tag = kTag;
  uint64_t problem;
  uint64_t workspace;
  uint32_t alignment[5];  // of A, B, C, D and the bias
};

/// False, and a report, unless the caller's descriptor was initialised as one of this kind.
template <typename Content, typename Opaque>
bool read_descriptor(const Opaque* opaque, const char* name, Content& content) {
  static_assert(sizeof(Content) <= sizeof(Opaque));
  if (opaque) std::memcpy(static_cast<void*>(&content), opaque, sizeof(content));
  if (opaque && content.tag == Content::kTag) return true;
  refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kUnsetDescriptor,
         std::string(name) + (opaque ? " was never initialised" : " is null"));
  return false;
}

template <typename Content, typename Opaque>
void write_descriptor(const Content& content, Opaque* opaque) {
  static_assert(sizeof(Content) <= sizeof(Opaque));
  std::memcpy(opaque, &content, sizeof(content));
}

}  // namespace dlengine::emulator
