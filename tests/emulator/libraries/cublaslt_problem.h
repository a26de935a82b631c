// A matrix product as cuBLASLt is asked for it: D = relu(alpha op(A) op(B) + beta C + bias), column-major, or
// without bias and relu; or with the sums over k of op(A) or op(B) as the bias's gradient.
#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/emulator/libraries/cublaslt_descriptors.h"
#include "tests/emulator/libraries/gemm_elements.h"

namespace dlengine::emulator {

struct LtProblem {
  LtOperation operation;
  LtLayout a, b, c, d;

  /// What the bytes of all four matrices and of the bias are.
  Element element() const;
  /// Of a value between the products and D.
  size_t compute_bytes() const { return operation.compute == CUBLAS_COMPUTE_64F ? 8 : 4; }
  bool adds_bias() const { return (operation.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0; }
  bool applies_relu() const { return (operation.epilogue & CUBLASLT_EPILOGUE_RELU) != 0; }
  bool sums_a() const { return operation.epilogue == CUBLASLT_EPILOGUE_BGRADA; }
  bool sums_b() const { return operation.epilogue == CUBLASLT_EPILOGUE_BGRADB; }
  bool writes_bias() const { return sums_a() || sums_b(); }
  bool with_bias() const { return adds_bias() || writes_bias(); }
  /// The bias, or its gradient, as a matrix of one column.
  LtLayout bias_layout() const;
  int64_t depth() const { return int64_t(operation.transpose_a == CUBLAS_OP_N ? a.columns : a.rows); }
  /// The same for two problems that one algorithm may serve.
  uint64_t fingerprint() const;
};

struct LtDescriptors {
  cublasLtMatmulDesc_t operation;
  cublasLtMatrixLayout_t a, b, c, d;
};

/// Reads and checks all that does not depend on the data; a status other than success was reported.
cublasStatus_t read_problem(const LtDescriptors& from, LtProblem& problem);

struct LtData {
  const void *a, *b, *c, *bias;
  void* d;
};

/// The same for where the data lies: overlaps and what the algorithm takes for granted.
cublasStatus_t check_data(const LtProblem& problem, const LtAlgorithm& algorithm, const LtData& data,
                          bool reads_c);

/// The largest power of two, up to 16, that divides the address.
uint32_t alignment_of(const void* address);

/// The bytes from the first to the last element of all matrices of the batch.
size_t extent(const LtLayout& layout, Element element);

/// Runs as an operation: declares what it touches, then computes.
struct LtWork {
  LtProblem problem;
  LtData data;
  Blend blend;
  void* workspace;  // the needed size, which may be none
  size_t workspace_bytes;
};
void run(const LtWork& work);

}  // namespace dlengine::emulator
