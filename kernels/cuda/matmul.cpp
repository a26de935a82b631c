// Matrix products by cuBLAS. cuBLAS thinks in columns: our row-major y [M, N] is its y^T [N, M] = b^T a^T, so
// b comes first there and nothing has to be transposed in memory.
#include <algorithm>
#include <limits>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/factors.h"
#include "dlengine/kernels/cuda/queue.h"
#include "dlengine/kernels/strided.h"

namespace dlengine::cuda {

namespace {

int to_int(const char* what, int64_t value) {
  check<ValueError>(value <= std::numeric_limits<int>::max(), "matmul: {} {} is more than cuBLAS takes", what,
                    value);
  return int(value);
}

// A row-major matrix [rows, columns], or the transpose of one, as cuBLAS is told of it.
struct Matrix {
  const std::byte* data;
  cublasOperation_t operation;
  int leading;         // elements from one stored row to the next
  int64_t batch_step;  // elements from one matrix of the batch to the next

  Matrix(const Tensor& x, int64_t rows, int64_t columns)
      : data(static_cast<const std::byte*>(x.raw())), batch_step(0) {
    const int64_t row_step = x.strides()[x.rank() - 2], column_step = x.strides()[x.rank() - 1];
    const bool by_rows = (column_step == 1 || columns == 1) && (row_step >= columns || rows == 1);
    operation = by_rows ? CUBLAS_OP_N : CUBLAS_OP_T;
    leading = to_int("a row length", by_rows ? std::max(row_step, columns) : std::max(column_step, rows));
  }
};

struct Types {
  cudaDataType_t data;
  cublasComputeType_t compute;
};

Types types_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return {CUDA_R_16F, CUBLAS_COMPUTE_32F};
    case DType::bf16: return {CUDA_R_16BF, CUBLAS_COMPUTE_32F};
    case DType::f32: return {CUDA_R_32F, CUBLAS_COMPUTE_32F};
    case DType::f64: return {CUDA_R_64F, CUBLAS_COMPUTE_64F};
    case DType::u8:
    case DType::i32:
    case DType::i64:
    case DType::boolean: break;
  }
  throw_unsupported_dtype("matmul", dtype, "a floating type");
}

// y[i] = a[i] b[i], or y[i] += a[i] b[i], for i in 0 .. batch-1.
struct Product {
  int m, n, k, batch = 1;
  Matrix a, b;
  std::byte* y;
  DType dtype;
  bool add = false;
};

void multiply(Queue& queue, const Product& p) {
  const Types types = types_of(p.dtype);
  const Factors factors = factors_for(p.dtype);
  const void* one = factors.one;
  const void* beta = p.add ? factors.one : factors.zero;
  const std::lock_guard lock(queue.mutex());
  if (p.batch == 1) {
    DLENGINE_CUDA_CHECK(cublasGemmEx(queue.blas(), p.b.operation, p.a.operation, p.n, p.m, p.k, one, p.b.data,
                                     types.data, p.b.leading, p.a.data, types.data, p.a.leading, beta, p.y,
                                     types.data, p.n, types.compute, CUBLAS_GEMM_DEFAULT));
  } else {
    const int64_t y_step = int64_t{p.m} * p.n;
    DLENGINE_CUDA_CHECK(cublasGemmStridedBatchedEx(
        queue.blas(), p.b.operation, p.a.operation, p.n, p.m, p.k, one, p.b.data, types.data, p.b.leading,
        p.b.batch_step, p.a.data, types.data, p.a.leading, p.a.batch_step, beta, p.y, types.data, p.n, y_step,
        p.batch, types.compute, CUBLAS_GEMM_DEFAULT));
  }
}

// x with the last two axes at position 0.
Tensor batch_of(const Tensor& x) {
  Shape shape = x.shape();
  shape[x.rank() - 1] = shape[x.rank() - 2] = 1;
  return {x.storage(), x.offset(), shape, x.strides(), x.dtype()};
}

// One call for the innermost batch axis, which has a fixed step; a loop over what is outside of it.
void multiply_batches(Queue& queue, Product product, const StridedWalk<3>& walk) {
  const size_t bytes = size_of(product.dtype);
  const int64_t inner = walk.size[walk.rank - 1];
  product.batch = to_int("a batch of", inner);
  product.a.batch_step = walk.stride[0][walk.rank - 1];
  product.b.batch_step = walk.stride[1][walk.rank - 1];
  for (int64_t i = 0; i < walk.count; i += inner) {
    int64_t at[3];
    walk.offsets(i, at);
    Product part = product;
    part.a.data += at[0] * int64_t(bytes);
    part.b.data += at[1] * int64_t(bytes);
    part.y += at[2] * int64_t(bytes);
    multiply(queue, part);
  }
}

// The transpose of a contiguous matrix, off the tape.
Tensor transposed(const Tensor& x) {
  return {x.storage(), x.offset(), {x.shape()[1], x.shape()[0]}, {1, x.shape()[1]}, x.dtype()};
}

Product product_of(const Tensor& a, const Tensor& b, Tensor& y) {
  const int64_t m = a.dim(-2), k = a.dim(-1), n = b.dim(-1);
  return {.m = to_int("M", m),
          .n = to_int("N", n),
          .k = to_int("K", k),
          .a = Matrix(a, m, k),
          .b = Matrix(b, k, n),
          .y = static_cast<std::byte*>(y.raw()),
          .dtype = y.dtype()};
}

}  // namespace

void CudaBackend::matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.numel() == 0) return;
  if (a.dim(-1) == 0) return fill(y, 0);
  const Product product = product_of(a, b, y);
  Queue& queue = current_queue(y.device());
  if (y.rank() == 2) return multiply(queue, product);
  const Tensor a_batch = batch_of(a), b_batch = batch_of(b), y_batch = batch_of(y);
  multiply_batches(queue, product, StridedWalk<3>({&a_batch, &b_batch, &y_batch}));
}

void CudaBackend::linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  if (!bias.defined()) return matmul(x, transposed(weight), y);
  if (y.numel() == 0) return;
  spread_bias(bias, 1, y);
  if (x.dim(1) == 0) return;
  Product product = product_of(x, transposed(weight), y);
  product.add = true;
  multiply(current_queue(y.device()), product);
}

void CudaBackend::spread_bias(const Tensor& bias, int axis, Tensor& y) {
  Strides strides = Dims::filled(y.rank(), 0);
  strides[axis] = 1;
  copy(Tensor(bias.storage(), bias.offset(), y.shape(), strides, bias.dtype()), y);
}

}  // namespace dlengine::cuda
