// A product by cuBLASLt, called as the engine calls it, with every argument within reach of a test.
#pragma once

#include <cublasLt.h>

#include <algorithm>

#include "tests/emulator/contract/contract.h"

namespace dlengine::contract {

/// D [m, n] = op(A) [m, k] op(B) [k, n], column-major. Leading dimensions are `padding` more than the rows.
struct ProductShape {
  int64_t m = 5, n = 7, k = 33;
  bool transpose_a = false, transpose_b = false;
  int64_t padding = 0;
  int batch = 1;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;

  bool has_bias() const { return (epilogue & CUBLASLT_EPILOGUE_BIAS) != 0; }
  bool has_relu() const { return (epilogue & CUBLASLT_EPILOGUE_RELU) != 0; }
  bool sums_a() const { return epilogue == CUBLASLT_EPILOGUE_BGRADA; }
  bool sums_b() const { return epilogue == CUBLASLT_EPILOGUE_BGRADB; }

  struct Matrix {
    int64_t rows, columns, leading;
    int64_t step() const { return leading * columns; }
    int64_t at(int64_t i, int64_t j) const { return j * leading + i; }
  };
  Matrix a() const { return transpose_a ? matrix(k, m) : matrix(m, k); }
  Matrix b() const { return transpose_b ? matrix(n, k) : matrix(k, n); }
  Matrix d() const { return matrix(m, n); }

 private:
  Matrix matrix(int64_t rows, int64_t columns) const { return {rows, columns, rows + padding}; }
};

class LtHandle {
 public:
  LtHandle() { EXPECT_EQ(cublasLtCreate(&handle_), CUBLAS_STATUS_SUCCESS); }
  ~LtHandle() { EXPECT_EQ(cublasLtDestroy(handle_), CUBLAS_STATUS_SUCCESS); }
  LtHandle(const LtHandle&) = delete;
  LtHandle& operator=(const LtHandle&) = delete;
  operator cublasLtHandle_t() const { return handle_; }

 private:
  cublasLtHandle_t handle_ = nullptr;
};

/// What goes into one cublasLtMatmul.
struct ProductCall {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDescOpaque_t operation{};
  cublasLtMatrixLayoutOpaque_t a_layout{}, b_layout{}, c_layout{}, d_layout{};
  cublasLtMatmulPreferenceOpaque_t preference{};
  cublasLtMatmulHeuristicResult_t choice{};
  const void *a = nullptr, *b = nullptr, *c = nullptr;
  void* d = nullptr;
  const void *alpha = nullptr, *beta = nullptr;
  void* workspace = nullptr;
  size_t workspace_bytes = 0;

  cublasStatus_t choose() {
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle, &operation, &a_layout, &b_layout, &c_layout, &d_layout, &preference, 1, &choice, &found);
    return status != CUBLAS_STATUS_SUCCESS || found == 1 ? status : CUBLAS_STATUS_NOT_SUPPORTED;
  }
  /// Whether what was chosen serves the call as it is now.
  cublasStatus_t check() {
    return cublasLtMatmulAlgoCheck(handle, &operation, &a_layout, &b_layout, &c_layout, &d_layout,
                                   &choice.algo, &choice);
  }
  cublasStatus_t run(cudaStream_t stream) {
    return cublasLtMatmul(handle, &operation, alpha, a, &a_layout, b, &b_layout, beta, c, &c_layout, d,
                          &d_layout, &choice.algo, workspace, workspace_bytes, stream);
  }
  /// Either, for calls of which it is not known where they are refused.
  cublasStatus_t choose_and_run(cudaStream_t stream) {
    const cublasStatus_t status = choose();
    return status == CUBLAS_STATUS_SUCCESS ? run(stream) : status;
  }
};

template <typename Value>
void set(cublasLtMatmulDescOpaque_t& operation, cublasLtMatmulDescAttributes_t attribute, Value value) {
  ASSERT_EQ(cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof(value)),
            CUBLAS_STATUS_SUCCESS);
}
template <typename Value>
void set(cublasLtMatrixLayoutOpaque_t& layout, cublasLtMatrixLayoutAttribute_t attribute, Value value) {
  ASSERT_EQ(cublasLtMatrixLayoutSetAttribute(&layout, attribute, &value, sizeof(value)),
            CUBLAS_STATUS_SUCCESS);
}
template <typename Value>
void set(cublasLtMatmulPreferenceOpaque_t& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         Value value) {
  ASSERT_EQ(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof(value)),
            CUBLAS_STATUS_SUCCESS);
}

/// A correct product of made-up numbers, ready to be run or to be spoiled. C is D.
template <typename T>
class Product {
 public:
  static constexpr size_t kWorkspaceBytes = size_t{1} << 20;

  explicit Product(const ProductShape& shape,
                   cublasComputeType_t compute = sizeof(T) == 8 ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F)
      : shape_(shape),
        a_(numbers<T>(size(shape.a()), 1)),
        b_(numbers<T>(size(shape.b()), 2)),
        d_(numbers<T>(size(shape.d()), 3)),
        bias_(numbers<T>(size_t(shape.sums_b() ? shape.n : shape.m), 4)),
        on_device_{DeviceArray<T>(a_), DeviceArray<T>(b_), DeviceArray<T>(d_), DeviceArray<T>(bias_)},
        workspace_(kWorkspaceBytes) {
    describe(compute);
  }

  ProductCall& call() { return call_; }
  T* bias() const { return on_device_[3].data(); }
  void set_factors(double alpha, double beta) {
    alpha_ = Sum(alpha);
    beta_ = Sum(beta);
  }
  std::vector<T> result(cudaStream_t stream) const { return on_device_[2].read(stream); }

  std::vector<T> bias_result(cudaStream_t stream) const { return on_device_[3].read(stream); }

  /// What the epilogue writes to the bias.
  std::vector<Expected> expected_bias() const {
    std::vector<Expected> result(bias_.size());
    for (size_t i = 0; i < result.size(); ++i) result[i] = bias_gradient(int64_t(i));
    return result;
  }
  /// Elements of D; the gaps keep what they had.
  std::vector<Expected> expected() const {
    std::vector<Expected> result(d_.size());
    for (size_t i = 0; i < d_.size(); ++i) result[i].value = double(d_[i]);
    for (int64_t batch = 0; batch < shape_.batch; ++batch) {
      for (int64_t j = 0; j < shape_.n; ++j) {
        for (int64_t i = 0; i < shape_.m; ++i)
          result[size_t(batch * shape_.d().step() + shape_.d().at(i, j))] = element(batch, i, j);
      }
    }
    return result;
  }

 private:
  using Sum = typename TypeOf<T>::Sum;

  size_t size(const ProductShape::Matrix& matrix) const { return size_t(matrix.step() * shape_.batch); }

  void describe(cublasComputeType_t compute) {
    ProductCall& c = call_;
    c.handle = handle_;
    c.a = on_device_[0].data();
    c.b = on_device_[1].data();
    c.c = c.d = on_device_[2].data();
    c.alpha = &alpha_;
    c.beta = &beta_;
    c.workspace = workspace_.data();
    c.workspace_bytes = workspace_.bytes();
    const cudaDataType_t scale = sizeof(T) == 8 ? CUDA_R_64F : CUDA_R_32F;
    ASSERT_EQ(cublasLtMatmulDescInit(&c.operation, compute, scale), CUBLAS_STATUS_SUCCESS);
    set(c.operation, CUBLASLT_MATMUL_DESC_TRANSA, shape_.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(c.operation, CUBLASLT_MATMUL_DESC_TRANSB, shape_.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(c.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, shape_.epilogue);
    if (shape_.has_bias() || shape_.sums_a() || shape_.sums_b())
      set(c.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias());
    describe(shape_.a(), c.a_layout);
    describe(shape_.b(), c.b_layout);
    describe(shape_.d(), c.c_layout);
    describe(shape_.d(), c.d_layout);
    ASSERT_EQ(cublasLtMatmulPreferenceInit(&c.preference), CUBLAS_STATUS_SUCCESS);
    set(c.preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t(kWorkspaceBytes));
    set(c.preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        uint32_t(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  }

  void describe(const ProductShape::Matrix& matrix, cublasLtMatrixLayoutOpaque_t& layout) {
    ASSERT_EQ(cublasLtMatrixLayoutInit(&layout, TypeOf<T>::kBlas, uint64_t(matrix.rows),
                                       uint64_t(matrix.columns), matrix.leading),
              CUBLAS_STATUS_SUCCESS);
    set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t(shape_.batch));
    set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix.step());
  }

  Expected element(int64_t batch, int64_t i, int64_t j) const {
    const auto a = shape_.a(), b = shape_.b(), d = shape_.d();
    Expected sum;
    for (int64_t l = 0; l < shape_.k; ++l) {
      const auto of_a = batch * a.step() + (shape_.transpose_a ? a.at(l, i) : a.at(i, l));
      const auto of_b = batch * b.step() + (shape_.transpose_b ? b.at(j, l) : b.at(l, j));
      sum.add(double(alpha_) * double(a_[size_t(of_a)]) * double(b_[size_t(of_b)]));
    }
    if (beta_ != 0) sum.add(double(beta_) * double(d_[size_t(batch * d.step() + d.at(i, j))]));
    if (shape_.has_bias()) sum.add(double(bias_[size_t(i)]));
    if (shape_.has_relu()) sum.value = std::max(sum.value, 0.0);
    return sum;
  }

  // One of the sums over k of op(A) or op(B).
  Expected bias_gradient(int64_t i) const {
    const auto a = shape_.a(), b = shape_.b();
    Expected sum;
    for (int64_t l = 0; l < shape_.k; ++l) {
      const auto of_a = shape_.transpose_a ? a.at(l, i) : a.at(i, l);
      const auto of_b = shape_.transpose_b ? b.at(i, l) : b.at(l, i);
      sum.add(shape_.sums_a() ? double(a_[size_t(of_a)]) : double(b_[size_t(of_b)]));
    }
    return sum;
  }

  ProductShape shape_;
  std::vector<T> a_, b_, d_, bias_;
  DeviceArray<T> on_device_[4];
  DeviceArray<char> workspace_;
  LtHandle handle_;
  Sum alpha_ = 1, beta_ = 0;
  ProductCall call_;
};

}  // namespace dlengine::contract
