// cuBLASLt for the emulated device: handles, the choice of an algorithm, and the product.
#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "tests/emulator/injection.h"
#include "tests/emulator/libraries/cublaslt_problem.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/runtime/handles.h"
#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

namespace {

struct LtContext {};

Handles<cublasLtHandle_t, LtContext>& handles() {
  static auto& all = *new Handles<cublasLtHandle_t, LtContext>("cuBLASLt handle");
  return all;
}

// The sums before the epilogue: what an algorithm that splits K keeps in its workspace.
uint64_t workspace_need(const LtProblem& p) { return p.d.rows * p.d.columns * p.compute_bytes(); }

// alpha or beta, of the type that scales.
double factor(const LtProblem& p, const void* value) {
  return p.operation.scale == CUDA_R_64F ? *static_cast<const double*>(value)
                                         : double(*static_cast<const float*>(value));
}

cublasStatus_t read_blend(const LtProblem& problem, const void* alpha, const void* beta, Blend& blend) {
  for (const void* value : {alpha, beta}) {
    if (!value) return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument, "alpha or beta is null");
    if (is_device_address(value)) {
      return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument,
                    "alpha or beta is in device memory, but the pointer mode says host");
    }
  }
  blend = {factor(problem, alpha), factor(problem, beta)};
  return CUBLAS_STATUS_SUCCESS;
}

// Algorithms of one problem that were found to serve another one, which differs in the epilogue.
std::set<std::pair<uint64_t, uint64_t>>& checked_algorithms() {
  static auto& all = *new std::set<std::pair<uint64_t, uint64_t>>;
  return all;
}

bool serves(const LtAlgorithm& algorithm, const LtProblem& problem) {
  return algorithm.problem == problem.fingerprint() ||
         checked_algorithms().contains({algorithm.problem, problem.fingerprint()});
}

cublasStatus_t check_algorithm(const LtProblem& problem, const LtAlgorithm& algorithm, const void* workspace,
                               size_t bytes) {
  if (!serves(algorithm, problem)) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kOtherProblem,
                  "the algorithm was chosen for another problem");
  }
  if (algorithm.workspace == 0) return CUBLAS_STATUS_SUCCESS;
  if (!workspace || bytes < algorithm.workspace) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kSmallWorkspace,
                  fmt::format("the algorithm needs {} bytes of workspace, got {}", algorithm.workspace,
                              workspace ? bytes : 0));
  }
  if (alignment_of(workspace) < 16)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kMisalignedOperand,
                  "the workspace is not aligned to 16 bytes");
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

extern "C" cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  if (!handle) return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument, "the handle is null");
  *handle = handles().create({});
  return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  return handles().destroy(handle) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

extern "C" cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                                         cublasLtMatmulDesc_t operation,
                                                         cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                                         cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                         cublasLtMatmulPreference_t preference, int requested,
                                                         cublasLtMatmulHeuristicResult_t results[],
                                                         int* returned) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  if (!handles().find(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!results || !returned || requested < 1)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument, "there is no room for a result");
  LtProblem problem;
  const cublasStatus_t status = read_problem({operation, a, b, c, d}, problem);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  LtPreference wish;
  if (!read_descriptor(preference, "the preference", wish)) return CUBLAS_STATUS_INVALID_VALUE;

  LtAlgorithm algorithm{
      .problem = problem.fingerprint(), .workspace = workspace_need(problem), .alignment = {}};
  const bool may_split = (wish.reductions & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) != 0;
  if (!may_split || algorithm.workspace > wish.workspace) algorithm.workspace = 0;
  for (int i = 0; i < 4; ++i) {
    const auto least = uint32_t(size_of(problem.element()));
    algorithm.alignment[i] = std::clamp<uint32_t>(wish.alignment[i], least, 16);
  }
  algorithm.alignment[4] = alignment_of(problem.operation.bias);
  results[0] = {};
  write_descriptor(algorithm, &results[0].algo);
  results[0].workspaceSize = algorithm.workspace;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].wavesCount = 1;
  *returned = 1;
  return CUBLAS_STATUS_SUCCESS;
}

// An algorithm that adds a bias or nothing can apply a relu as well.
extern "C" cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                                  cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                                  cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                  const cublasLtMatmulAlgo_t* algo,
                                                  cublasLtMatmulHeuristicResult_t* result) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  if (!handles().find(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!result) return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kInvalidArgument, "the result is null");
  LtProblem problem;
  const cublasStatus_t status = read_problem({operation, a, b, c, d}, problem);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  LtAlgorithm algorithm;
  if (!read_descriptor(algo, "the algorithm", algorithm)) return CUBLAS_STATUS_INVALID_VALUE;
  LtProblem without_relu = problem;
  if (problem.applies_relu()) {
    without_relu.operation.epilogue =
        problem.adds_bias() ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  }
  if (algorithm.problem != problem.fingerprint() && algorithm.problem != without_relu.fingerprint()) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kind::kOtherProblem,
                  "the algorithm was chosen for another problem");
  }
  checked_algorithms().insert({algorithm.problem, problem.fingerprint()});
  result->workspaceSize = algorithm.workspace;
  result->state = CUBLAS_STATUS_SUCCESS;
  result->wavesCount = 1;
  return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                         const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                                         const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                                         const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                                         cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo,
                                         void* workspace, size_t workspace_bytes, cudaStream_t stream) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  if (!handles().find(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  LtWork work{};
  cublasStatus_t status = read_problem({operation, a_layout, b_layout, c_layout, d_layout}, work.problem);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (!algo) return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kind::kNotEmulated, "a product without an algorithm");
  LtAlgorithm algorithm;
  if (!read_descriptor(algo, "the algorithm", algorithm)) return CUBLAS_STATUS_INVALID_VALUE;
  status = read_blend(work.problem, alpha, beta, work.blend);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  work.data = {a, b, c, work.problem.with_bias() ? work.problem.operation.bias : nullptr, d};
  status = check_data(work.problem, algorithm, work.data, work.blend.beta != 0);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = check_algorithm(work.problem, algorithm, workspace, workspace_bytes);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  work.workspace = workspace;
  work.workspace_bytes = algorithm.workspace;
  const cudaError_t error = enqueue(
      stream, "cublasLtMatmul", [work] { run(work); }, OperationKind::library_call);
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // namespace dlengine::emulator
