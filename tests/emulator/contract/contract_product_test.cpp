// The contract of cuBLASLt: products in all types and layouts, and what is refused.
#include "tests/emulator/contract/contract_product.h"

namespace dlengine::contract {
namespace {

template <typename T>
class ContractProduct : public Contract {
 protected:
  void expect_product(const ProductShape& shape, double alpha = 1, double beta = 0) {
    SCOPED_TRACE(testing::Message() << shape.m << "x" << shape.n << "x" << shape.k << " ops "
                                    << shape.transpose_a << shape.transpose_b << " padding " << shape.padding
                                    << " batch " << shape.batch << " epilogue " << shape.epilogue);
    Product<T> product(shape);
    product.set_factors(alpha, beta);
    ASSERT_EQ(product.call().choose(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(product.call().choice.state, CUBLAS_STATUS_SUCCESS);
    EXPECT_LE(product.call().choice.workspaceSize, Product<T>::kWorkspaceBytes);
    ASSERT_EQ(product.call().run(this->stream_), CUBLAS_STATUS_SUCCESS);
    expect_near(product.result(this->stream_), product.expected());
    if (shape.sums_a() || shape.sums_b())
      expect_near(product.bias_result(this->stream_), product.expected_bias());
  }
  // cuBLASLt may have no algorithm for it; then it says so when it is asked for one.
  void expect_product_or_none(const ProductShape& shape) {
    const cublasStatus_t status = Product<T>(shape).call().choose();
    if (status != CUBLAS_STATUS_NOT_SUPPORTED && status != CUBLAS_STATUS_INVALID_VALUE)
      return expect_product(shape);
    EXPECT_TRUE(may_decline()) << "epilogue " << shape.epilogue;
  }
};
using AllTypes = testing::Types<float, double, Half, BFloat16>;
TYPED_TEST_SUITE(ContractProduct, AllTypes);

TYPED_TEST(ContractProduct, AllLayouts) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const int64_t padding : {0, 8}) {
        this->expect_product({.m = 24,
                              .n = 16,
                              .k = 40,
                              .transpose_a = transpose_a,
                              .transpose_b = transpose_b,
                              .padding = padding});
      }
    }
  }
}

TYPED_TEST(ContractProduct, SizesThatNoTileDivides) {
  for (const int64_t k : {1, 3, 300}) {
    for (const int64_t m : {1, 17, 129}) {
      this->expect_product({.m = m, .n = 10, .k = k});
      this->expect_product_or_none(
          {.m = m, .n = 1, .k = k, .transpose_a = true, .epilogue = CUBLASLT_EPILOGUE_BIAS});
    }
  }
}

TYPED_TEST(ContractProduct, BatchOfMatrices) {
  this->expect_product({.m = 8, .n = 16, .k = 24, .batch = 5});
  this->expect_product({.m = 8, .n = 16, .k = 24, .transpose_a = true, .padding = 8, .batch = 3});
}

TYPED_TEST(ContractProduct, BiasIsAddedToEveryColumn) {
  this->expect_product({.m = 24, .n = 16, .k = 40, .epilogue = CUBLASLT_EPILOGUE_BIAS});
  this->expect_product({.m = 128, .n = 32, .k = 64, .transpose_a = true, .epilogue = CUBLASLT_EPILOGUE_BIAS});
}

TYPED_TEST(ContractProduct, ReluComesAfterTheBias) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_RELU_BIAS}) {
    this->expect_product_or_none({.m = 24, .n = 16, .k = 40, .epilogue = epilogue});
    this->expect_product_or_none({.m = 128, .n = 32, .k = 64, .transpose_a = true, .epilogue = epilogue});
    this->expect_product_or_none({.m = 17, .n = 1, .k = 3, .transpose_a = true, .epilogue = epilogue});
  }
}

// So that a layer has the bits of its product, with relu or without.
TYPED_TEST(ContractProduct, AnAlgorithmWithoutReluServesWithItIfTheCheckSaysSo) {
  ProductShape shape{.m = 128, .n = 32, .k = 64, .transpose_a = true, .epilogue = CUBLASLT_EPILOGUE_BIAS};
  Product<TypeParam> product(shape);
  ASSERT_EQ(product.call().choose_and_run(this->stream_), CUBLAS_STATUS_SUCCESS);
  std::vector<TypeParam> plain = product.result(this->stream_);
  set(product.call().operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_RELU_BIAS);
  if (product.call().check() != CUBLAS_STATUS_SUCCESS) {
    EXPECT_TRUE(may_decline());
    return;
  }
  EXPECT_LE(product.call().choice.workspaceSize, Product<TypeParam>::kWorkspaceBytes);
  ASSERT_EQ(product.call().run(this->stream_), CUBLAS_STATUS_SUCCESS);
  const std::vector<TypeParam> result = product.result(this->stream_);
  for (size_t i = 0; i < result.size(); ++i)
    ASSERT_EQ(double(result[i]), std::max(double(plain[i]), 0.0)) << "element " << i;
}

TYPED_TEST(ContractProduct, SumsOfAFactorAreTheBiasGradient) {
  for (const auto epilogue : {CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB}) {
    this->expect_product_or_none({.m = 24, .n = 16, .k = 40, .epilogue = epilogue});
    // x^T dy of a layer: as the engine asks for the gradients of its weights and its bias.
    this->expect_product_or_none({.m = 96, .n = 64, .k = 128, .transpose_b = true, .epilogue = epilogue});
    this->expect_product_or_none({.m = 33, .n = 65, .k = 3, .transpose_b = true, .epilogue = epilogue});
  }
}

TYPED_TEST(ContractProduct, Factors) {
  this->expect_product({.m = 24, .n = 16, .k = 40}, 0.5, 0);
  this->expect_product({.m = 24, .n = 16, .k = 40, .padding = 8}, 1, 1);
}

TYPED_TEST(ContractProduct, OneMatrixForAllOfTheBatch) {
  const ProductShape shape{.m = 8, .n = 16, .k = 24, .batch = 3};
  Product<TypeParam> product(shape), first({.m = 8, .n = 16, .k = 24});
  set(product.call().b_layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, int64_t{0});
  ASSERT_EQ(product.call().choose_and_run(this->stream_), CUBLAS_STATUS_SUCCESS);
  std::vector<TypeParam> result = product.result(this->stream_);
  result.resize(size_t(shape.d().step()));
  expect_near(result, first.expected());
}

using ContractBlas = Contract;

TEST_F(ContractBlas, Tf32RoundsTheInputs) {
  const ProductShape shape{.m = 64, .n = 64, .k = 64};
  Product<float> product(shape, CUBLAS_COMPUTE_32F_FAST_TF32);
  ASSERT_EQ(product.call().choose_and_run(stream_), CUBLAS_STATUS_SUCCESS);
  const std::vector<Expected> expected = product.expected();
  const std::vector<float> result = product.result(stream_);
  for (size_t i = 0; i < result.size(); ++i)
    ASSERT_NEAR(double(result[i]), expected[i].value, 0x1p-10 * expected[i].magnitude);
}

TEST_F(ContractBlas, HandlesAndAttributes) {
  EXPECT_EQ(cublasLtCreate(nullptr), CUBLAS_STATUS_INVALID_VALUE);
  Product<float> product({});
  ProductCall& call = product.call();
  const cublasOperation_t transpose = CUBLAS_OP_T;
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(&call.operation, CUBLASLT_MATMUL_DESC_TRANSA, nullptr, 4),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(&call.operation, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, 2),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(&call.a_layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, nullptr, 4),
            CUBLAS_STATUS_INVALID_VALUE);
  int found = 0;
  EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(call.handle, &call.operation, &call.a_layout, &call.b_layout,
                                           &call.c_layout, &call.d_layout, &call.preference, 0, &call.choice,
                                           &found),
            CUBLAS_STATUS_INVALID_VALUE);
  expect_reports();
  call.handle = nullptr;
  EXPECT_REFUSED(call.choose());
  expect_reports();
}

// A correct call beside one that is spoiled.
TEST_F(ContractBlas, ShapesMustFit) {
  const auto spoilt = [&](auto&& spoil) {
    Product<float> product({.m = 8, .n = 16, .k = 24});
    spoil(product.call());
    EXPECT_REFUSED(product.call().choose_and_run(stream_));
    expect_reports();
  };
  const auto layout = [](uint64_t rows, uint64_t columns, int64_t leading) {
    cublasLtMatrixLayoutOpaque_t made{};
    EXPECT_EQ(cublasLtMatrixLayoutInit(&made, CUDA_R_32F, rows, columns, leading), CUBLAS_STATUS_SUCCESS);
    return made;
  };
  spoilt([&](ProductCall& call) { call.a_layout = layout(8, 23, 8); });
  spoilt([&](ProductCall& call) { call.b_layout = layout(24, 15, 24); });
  spoilt([&](ProductCall& call) { call.d_layout = layout(7, 16, 8); });
  spoilt([&](ProductCall& call) { call.a_layout = layout(8, 24, 7); });
  spoilt([&](ProductCall& call) { set(call.b_layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t{2}); });
}

TEST_F(ContractBlas, WorkspaceIsAsLargeAsTheAlgorithmAsks) {
  Product<float> product({.m = 8, .n = 16, .k = 24});
  ASSERT_EQ(product.call().choose(), CUBLAS_STATUS_SUCCESS);
  const size_t need = product.call().choice.workspaceSize;
  product.call().workspace_bytes = need;
  EXPECT_EQ(product.call().run(stream_), CUBLAS_STATUS_SUCCESS);
  if (need == 0) return;
  product.call().workspace_bytes = need - 1;
  EXPECT_EQ(product.call().run(stream_), CUBLAS_STATUS_INVALID_VALUE);
  expect_reports();
}

TEST_F(ContractBlas, NoWorkspaceIsAllowed) {
  Product<float> product({.m = 8, .n = 16, .k = 24});
  set(product.call().preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{0});
  ASSERT_EQ(product.call().choose(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(product.call().choice.workspaceSize, 0u);
  product.call().workspace = nullptr;
  product.call().workspace_bytes = 0;
  ASSERT_EQ(product.call().run(stream_), CUBLAS_STATUS_SUCCESS);
  expect_near(product.result(stream_), product.expected());
}

TEST_F(ContractBlas, ViewsOfAnyAlignmentWork) {
  Product<float> product({.m = 7, .n = 5, .k = 3});
  // One element further on: 4 bytes from where any allocation begins.
  DeviceArray<float> a(numbers<float>(22, 1)), d(36);
  product.call().a = a.data() + 1;
  product.call().c = product.call().d = d.data() + 1;
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    set(product.call().preference, attribute, uint32_t{4});
  ASSERT_EQ(product.call().choose_and_run(stream_), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
}

}  // namespace
}  // namespace dlengine::contract
