// cuBLASLt's descriptors for the emulated device: initialising them and setting their attributes.
#include "tests/emulator/libraries/cublaslt_descriptors.h"

#include <fmt/format.h>

#include "tests/emulator/injection.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

cublasStatus_t refuse(cublasStatus_t status, std::string_view kind, const std::string& text) {
  report(kind, fmt::format("{}: {}", current_api(), text));
  return status;
}

namespace {

template <typename Content, typename Opaque>
cublasStatus_t initialise(Opaque* opaque, size_t size, const Content& content) {
  if (!opaque) return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument, "the descriptor is null");
  if (size < sizeof(Opaque))
    return refuse(CUBLAS_STATUS_ALLOC_FAILED, kind::kInvalidArgument, "the descriptor's memory is too small");
  write_descriptor(content, opaque);
  return CUBLAS_STATUS_SUCCESS;
}

// A new value for an attribute.
struct Value {
  int attribute;
  const void* data;
  size_t bytes;
};

template <typename Field>
cublasStatus_t assign(const Value& value, Field& field) {
  if (!value.data) return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument, "the value is null");
  if (value.bytes != sizeof(field)) {
    return refuse(
        CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument,
        fmt::format("attribute {} has {} bytes, not {}", value.attribute, sizeof(field), value.bytes));
  }
  std::memcpy(&field, value.data, sizeof(field));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t not_implemented(const Value& value) {
  return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kind::kNotEmulated,
                fmt::format("attribute {}", value.attribute));
}

cublasStatus_t assign_attribute(const Value& value, LtOperation& operation) {
  switch (value.attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return assign(value, operation.transpose_a);
    case CUBLASLT_MATMUL_DESC_TRANSB: return assign(value, operation.transpose_b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return assign(value, operation.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return assign(value, operation.bias);
    default: return not_implemented(value);
  }
}

cublasStatus_t assign_attribute(const Value& value, LtLayout& layout) {
  switch (value.attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return assign(value, layout.batch);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return assign(value, layout.batch_step);
    default: return not_implemented(value);
  }
}

cublasStatus_t assign_attribute(const Value& value, LtPreference& preference) {
  switch (value.attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return assign(value, preference.workspace);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return assign(value, preference.reductions);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return assign(value, preference.alignment[0]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return assign(value, preference.alignment[1]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return assign(value, preference.alignment[2]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return assign(value, preference.alignment[3]);
    default: return not_implemented(value);
  }
}

template <typename Content, typename Opaque>
cublasStatus_t set_attribute(Opaque* opaque, const Value& value) {
  Content content;
  if (!read_descriptor(opaque, "the descriptor", content)) return CUBLAS_STATUS_INVALID_VALUE;
  const cublasStatus_t status = assign_attribute(value, content);
  write_descriptor(content, opaque);
  return status;
}

}  // namespace

extern "C" cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t descriptor, size_t size,
                                                          cublasComputeType_t compute, cudaDataType_t scale) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  return initialise(descriptor, size, LtOperation{.compute = compute, .scale = scale});
}

extern "C" cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, size_t size,
                                                            cudaDataType type, uint64_t rows,
                                                            uint64_t columns, int64_t leading) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  return initialise(layout, size,
                    LtLayout{.type = type, .rows = rows, .columns = columns, .leading = leading});
}

extern "C" cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference,
                                                                size_t size) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  return initialise(preference, size, LtPreference{});
}

extern "C" cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t descriptor,
                                                         cublasLtMatmulDescAttributes_t attribute,
                                                         const void* value, size_t bytes) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  return set_attribute<LtOperation>(descriptor, {attribute, value, bytes});
}

extern "C" cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                           cublasLtMatrixLayoutAttribute_t attribute,
                                                           const void* value, size_t bytes) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  return set_attribute<LtLayout>(layout, {attribute, value, bytes});
}

extern "C" cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                               cublasLtMatmulPreferenceAttributes_t attribute,
                                                               const void* value, size_t bytes) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  return set_attribute<LtPreference>(preference, {attribute, value, bytes});
}

}  // namespace dlengine::emulator
