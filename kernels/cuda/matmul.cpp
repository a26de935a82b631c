// Matrix products by cuBLASLt: an algorithm per problem, chosen once. cuBLASLt thinks in columns: our
// row-major y [M, N] is its y^T [N, M] = b^T a^T, so b comes first there and nothing has to be transposed in
// memory. Bias, activation and the bias's gradient are part of the product where cuBLASLt has an algorithm
// for that.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <tuple>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/factors.h"
#include "dlengine/kernels/cuda/narrow_linear.h"
#include "dlengine/kernels/cuda/queue.h"
#include "dlengine/kernels/plan_cache.h"
#include "dlengine/kernels/strided.h"

namespace dlengine::cuda {

namespace {

// A row-major matrix [rows, columns], or the transpose of one, as cuBLASLt is told of it.
struct Matrix {
  const std::byte* data;
  cublasOperation_t operation;
  int64_t rows, columns;   // after the operation
  int64_t leading;         // elements from one stored row to the next
  int64_t batch_step = 0;  // elements from one matrix of the batch to the next

  explicit Matrix(const Tensor& x)
      : data(static_cast<const std::byte*>(x.raw())), rows(x.dim(-2)), columns(x.dim(-1)) {
    const int64_t row_step = x.strides()[x.rank() - 2], column_step = x.strides()[x.rank() - 1];
    const bool by_rows = (column_step == 1 || columns == 1) && (row_step >= columns || rows == 1);
    operation = by_rows ? CUBLAS_OP_N : CUBLAS_OP_T;
    leading = by_rows ? std::max(row_step, columns) : std::max(column_step, rows);
  }
};

// What is done besides a product: bias [N] is added, and relu applied; or with BGRADB, a's columns are summed
// to bias [M].
struct Epilogue {
  cublasLtEpilogue_t kind = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;  // or null
};

// y[i] = a[i] b[i] for i in 0 .. batch-1. y is dense.
struct Product {
  Matrix a, b, y;
  Epilogue epilogue;
  int64_t batch;
  DType dtype;
  int device;

  Product(const Tensor& a_tensor, const Tensor& b_tensor, const Tensor& y_tensor, const Epilogue& also = {})
      : a(a_tensor),
        b(b_tensor),
        y(y_tensor),
        epilogue(also),
        batch(1),
        dtype(y_tensor.dtype()),
        device(y_tensor.device().index) {}
};

// What the pointer's address is a multiple of, as far as algorithms care.
uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer) | 256;
  return uint32_t(address & (~address + 1));
}

// cuBLASLt has no preference for the bias's alignment: it counts as the result's.
uint32_t result_alignment(const Product& p) {
  return std::min(alignment_of(p.y.data), alignment_of(p.epilogue.bias));
}

// All that a plan depends on.
struct PlanKey {
  std::array<int64_t, 18> values;

  explicit PlanKey(const Product& p)
      : values{p.a.rows,
               p.a.columns,
               p.b.columns,
               p.a.operation,
               p.b.operation,
               p.a.leading,
               p.b.leading,
               p.y.leading,
               p.batch,
               p.a.batch_step,
               p.b.batch_step,
               p.y.batch_step,
               p.epilogue.kind,
               alignment_of(p.a.data),
               alignment_of(p.b.data),
               result_alignment(p),
               int64_t(p.dtype),
               p.device} {}
  friend bool operator==(const PlanKey&, const PlanKey&) = default;
  size_t hash() const {
    return std::apply([](auto... value) { return hash_of(value...); }, values);
  }
};

// Plain data, which every call copies, because the bias is part of the operation.
struct Plan {
  cublasLtMatmulDescOpaque_t operation;
  cublasLtMatrixLayoutOpaque_t a, b, y;
  cublasLtMatmulAlgo_t algorithm;
  bool exists;  // false: cuBLASLt has none with this epilogue
};

template <typename T>
void set(cublasLtMatmulDescOpaque_t& operation, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  DLENGINE_CUDA_CHECK(cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof(value)));
}
template <typename T>
void set(cublasLtMatrixLayoutOpaque_t& layout, cublasLtMatrixLayoutAttribute_t attribute, const T& value) {
  DLENGINE_CUDA_CHECK(cublasLtMatrixLayoutSetAttribute(&layout, attribute, &value, sizeof(value)));
}
template <typename T>
void set(cublasLtMatmulPreferenceOpaque_t& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const T& value) {
  DLENGINE_CUDA_CHECK(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof(value)));
}

struct Types {
  cudaDataType_t data, scale;
  cublasComputeType_t compute;
};

// f32 is multiplied and added as such: TF32 has compute types of its own.
Types types_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return {CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F};
    case DType::bf16: return {CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F};
    case DType::f32: return {CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F};
    case DType::f64: return {CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F};
    case DType::u8:
    case DType::i32:
    case DType::i64:
    case DType::boolean: break;
  }
  throw_unsupported_dtype("matmul", dtype, "a floating type");
}

cublasLtMatmulDescOpaque_t operation_of(const Product& p) {
  const Types types = types_of(p.dtype);
  cublasLtMatmulDescOpaque_t operation;
  DLENGINE_CUDA_CHECK(cublasLtMatmulDescInit(&operation, types.compute, types.scale));
  set(operation, CUBLASLT_MATMUL_DESC_TRANSA, p.b.operation);
  set(operation, CUBLASLT_MATMUL_DESC_TRANSB, p.a.operation);
  if (p.epilogue.bias) set(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.epilogue.bias);
  return operation;
}

cublasLtMatrixLayoutOpaque_t layout_of(const Product& p, const Matrix& matrix) {
  int64_t rows = matrix.columns, columns = matrix.rows;  // of the transpose, as it is stored
  if (matrix.operation == CUBLAS_OP_T) std::swap(rows, columns);
  cublasLtMatrixLayoutOpaque_t layout;
  DLENGINE_CUDA_CHECK(cublasLtMatrixLayoutInit(&layout, types_of(p.dtype).data, uint64_t(rows),
                                               uint64_t(columns), matrix.leading));
  set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t(p.batch));
  set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix.batch_step);
  return layout;
}

// Splitting K is allowed where the parts are kept in the compute type and added in a fixed order: results
// then repeat, and 16-bit products are summed in f32 throughout.
cublasLtMatmulPreferenceOpaque_t preference_for(const Product& p) {
  cublasLtMatmulPreferenceOpaque_t preference;
  DLENGINE_CUDA_CHECK(cublasLtMatmulPreferenceInit(&preference));
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{Queue::kBlasWorkspaceBytes});
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(p.b.data));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(p.a.data));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, result_alignment(p));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, result_alignment(p));
  return preference;
}

// The layer with relu takes the algorithm of the one without, so that it has its bits.
cublasLtEpilogue_t without_relu(cublasLtEpilogue_t kind) {
  if (kind == CUBLASLT_EPILOGUE_RELU) return CUBLASLT_EPILOGUE_DEFAULT;
  return kind == CUBLASLT_EPILOGUE_RELU_BIAS ? CUBLASLT_EPILOGUE_BIAS : kind;
}

// The algorithm that cuBLASLt thinks fastest; none if it has none for p's epilogue, which it may also call an
// invalid value where a matrix has one row or column. The plan has no relu.
bool choose_algorithm(cublasLtHandle_t handle, const Product& p, Plan& plan) {
  cublasLtMatmulPreferenceOpaque_t preference = preference_for(p);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, &plan.operation, &plan.b, &plan.a, &plan.y, &plan.y, &preference, 1, &best, &found);
  const bool exists = status == CUBLAS_STATUS_SUCCESS && found == 1 && best.state == CUBLAS_STATUS_SUCCESS;
  const bool declined = status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE ||
                        (status == CUBLAS_STATUS_SUCCESS && found == 0);
  check<DeviceError>(exists || (declined && p.epilogue.kind != CUBLASLT_EPILOGUE_DEFAULT),
                     "matmul: cublasLtMatmulAlgoGetHeuristic has no algorithm for {} x [{}, {}] [{}, {}] in "
                     "{}: {}",
                     p.batch, p.a.rows, p.a.columns, p.b.rows, p.b.columns, p.dtype,
                     cublasLtGetStatusString(status != CUBLAS_STATUS_SUCCESS ? status : best.state));
  plan.algorithm = best.algo;
  return exists;
}

// Whether the plan's algorithm serves its operation, which now has a relu.
bool serves(cublasLtHandle_t handle, Plan& plan) {
  cublasLtMatmulHeuristicResult_t result{};
  const cublasStatus_t status = cublasLtMatmulAlgoCheck(handle, &plan.operation, &plan.b, &plan.a, &plan.y,
                                                        &plan.y, &plan.algorithm, &result);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH ||
      status == CUBLAS_STATUS_INVALID_VALUE)
    return false;
  check_call(status, "cublasLtMatmulAlgoCheck");
  return result.workspaceSize <= Queue::kBlasWorkspaceBytes;
}

std::shared_ptr<const Plan> make_plan(cublasLtHandle_t handle, const Product& p) {
  Plan plan{operation_of(p), layout_of(p, p.a), layout_of(p, p.b), layout_of(p, p.y), {}, false};
  const cublasLtEpilogue_t plain = without_relu(p.epilogue.kind);
  set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, plain);
  plan.exists = choose_algorithm(handle, p, plan);
  if (plan.exists && plain != p.epilogue.kind) {
    set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, p.epilogue.kind);
    plan.exists = serves(handle, plan);
  }
  return std::make_shared<const Plan>(plan);
}

// False, and nothing was done, if cuBLASLt has no algorithm with this epilogue.
bool multiply(Queue& queue, const Product& p) {
  static auto& plans = *new PlanCache<PlanKey, const Plan>;  // outlives the driver
  const std::lock_guard lock(queue.mutex());
  cublasLtHandle_t handle = queue.blas();
  Plan plan = *plans.get(PlanKey(p), [&] { return make_plan(handle, p); });
  if (!plan.exists) return false;
  if (p.epilogue.bias) set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.epilogue.bias);
  const auto [one, zero] = factors_for(p.dtype);
  void* y = const_cast<std::byte*>(p.y.data);
  const cublasStatus_t status = cublasLtMatmul(
      handle, &plan.operation, one, p.b.data, &plan.b, p.a.data, &plan.a, zero, y, &plan.y, y, &plan.y,
      &plan.algorithm, queue.blas_workspace(), Queue::kBlasWorkspaceBytes, queue.stream());
  // A check does not promise that the algorithm runs.
  if (status == CUBLAS_STATUS_NOT_SUPPORTED && p.epilogue.kind != CUBLASLT_EPILOGUE_DEFAULT) return false;
  check_call(status, "cublasLtMatmul");
  return true;
}

// x with the last two axes at position 0.
Tensor batch_of(const Tensor& x) {
  Shape shape = x.shape();
  shape[x.rank() - 1] = shape[x.rank() - 2] = 1;
  return {x.storage(), x.offset(), shape, x.strides(), x.dtype()};
}

// One call for the innermost batch axis, which has a fixed step; a loop over what is outside of it.
void multiply_batches(Queue& queue, Product product, const StridedWalk<3>& walk) {
  const auto bytes = int64_t(size_of(product.dtype));
  const int64_t inner = walk.size[walk.rank - 1];
  check<ValueError>(inner <= std::numeric_limits<int32_t>::max(),
                    "matmul: a batch of {} is more than cuBLASLt takes", inner);
  product.batch = inner;
  product.a.batch_step = walk.stride[0][walk.rank - 1];
  product.b.batch_step = walk.stride[1][walk.rank - 1];
  product.y.batch_step = walk.stride[2][walk.rank - 1];
  for (int64_t i = 0; i < walk.count; i += inner) {
    int64_t at[3];
    walk.offsets(i, at);
    Product part = product;
    part.a.data += at[0] * bytes;
    part.b.data += at[1] * bytes;
    part.y.data += at[2] * bytes;
    multiply(queue, part);
  }
}

// The transpose of a contiguous matrix, off the tape.
Tensor transposed(const Tensor& x) {
  return {x.storage(), x.offset(), {x.shape()[1], x.shape()[0]}, {1, x.shape()[1]}, x.dtype()};
}

}  // namespace

void CudaBackend::matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.numel() == 0) return;
  if (a.dim(-1) == 0) return fill(y, 0);
  Queue& queue = current_queue(y.device());
  const Product product(a, b, y);
  if (y.rank() == 2) {
    multiply(queue, product);
    return;
  }
  const Tensor a_batch = batch_of(a), b_batch = batch_of(b), y_batch = batch_of(y);
  multiply_batches(queue, product, StridedWalk<3>({&a_batch, &b_batch, &y_batch}));
}

void CudaBackend::linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
                         Tensor& y) {
  if (y.numel() == 0) return;
  const bool relu = activation == Activation::relu;
  if (x.dim(1) > 0 && (relu || bias.defined())) {
    const uint32_t kind = (relu ? CUBLASLT_EPILOGUE_RELU : 0) | (bias.defined() ? CUBLASLT_EPILOGUE_BIAS : 0);
    const Epilogue epilogue{cublasLtEpilogue_t(kind), bias.defined() ? bias.raw() : nullptr};
    if (multiply(current_queue(y.device()), Product(x, transposed(weight), y, epilogue))) return;
  }
  if (relu) {
    linear(x, weight, bias, Activation::none, y);
    return unary(UnaryOp::relu, y, y);
  }
  matmul(x, transposed(weight), y);
  if (bias.defined()) {
    const Tensor rows(bias.storage(), bias.offset(), y.shape(), {0, 1}, bias.dtype());
    binary(BinaryOp::add, y, rows, y);
  }
}

void CudaBackend::linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, LinearGrads& grads) {
  if (narrow_linear_grad(dy, x, weight, grads)) return;
  if (grads.dx.defined()) {
    matmul(dy, weight, grads.dx);
    if (grads.mask_scale != 0) relu_grad(x, grads.dx, grads.mask_scale, grads.dx);
  }
  const bool both = grads.dweight.defined() && grads.dbias.defined() && x.numel() > 0 && dy.numel() > 0;
  const Epilogue sums{CUBLASLT_EPILOGUE_BGRADB, both ? grads.dbias.raw() : nullptr};
  if (both && multiply(current_queue(dy.device()), Product(transposed(dy), x, grads.dweight, sums))) return;
  if (grads.dweight.defined()) matmul(transposed(dy), x, grads.dweight);
  if (grads.dbias.defined()) {
    Tensor row(grads.dbias.storage(), grads.dbias.offset(), {1, dy.dim(1)}, {dy.dim(1), 1}, dy.dtype());
    reduce(ReduceOp::sum, dy, row);
  }
}

void CudaBackend::spread_bias(const Tensor& bias, int axis, Tensor& y) {
  Strides strides = Dims::filled(y.rank(), 0);
  strides[axis] = 1;
  copy(Tensor(bias.storage(), bias.offset(), y.shape(), strides, bias.dtype()), y);
}

}  // namespace dlengine::cuda
