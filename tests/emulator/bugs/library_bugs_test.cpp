// Wrong calls of cuBLASLt, each after the correct call that it is a slip of.
#include <cublasLt.h>

#include <limits>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/contract/contract_product.h"
#include "tests/emulator/libraries/library_kinds.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/handles.h"

namespace dlengine::emulator::test {
namespace {

using contract::DeviceArray;
using contract::numbers;
using contract::Product;
using contract::ProductCall;
using contract::ProductShape;
using contract::set;

constexpr ProductShape kShape{.m = 8, .n = 16, .k = 24};

cublasLtMatrixLayoutOpaque_t layout(uint64_t rows, uint64_t columns, int64_t leading) {
  cublasLtMatrixLayoutOpaque_t made{};
  EXPECT_EQ(cublasLtMatrixLayoutInit(&made, CUDA_R_32F, rows, columns, leading), CUBLAS_STATUS_SUCCESS);
  return made;
}

class ProductBugs : public BugTest {
 protected:
  // The product as it should be.
  void expect_correct(Product<float>& product) {
    ASSERT_EQ(product.call().choose_and_run(stream_), CUBLAS_STATUS_SUCCESS);
    stream_.wait();
    expect_silence();
  }
  // The call itself sees what `spoil` did to it.
  template <typename Spoil>
  void expect_refused(std::string_view kind, const Spoil& spoil, const ProductShape& shape = kShape,
                      cublasStatus_t status = CUBLAS_STATUS_INVALID_VALUE) {
    Product<float> product(shape);
    expect_correct(product);
    spoil(product.call());
    EXPECT_EQ(product.call().run(stream_), status);
    expect_report(kind);
  }
  // Only the work shows it.
  template <typename Spoil>
  void expect_found(std::string_view kind, const Spoil& spoil, const ProductShape& shape = kShape) {
    Product<float> product(shape);
    expect_correct(product);
    spoil(product.call());
    EXPECT_EQ(product.call().choose_and_run(stream_), CUBLAS_STATUS_SUCCESS);
    stream_.wait();
    expect_report(kind);
  }

  Stream stream_, other_;
};

TEST_P(ProductBugs, DescriptorsAreInitialised) {
  expect_refused(kind::kUnsetDescriptor, [](ProductCall& call) { call.operation = {}; });
  expect_refused(kind::kUnsetDescriptor, [](ProductCall& call) { call.a_layout = {}; });
  expect_refused(kind::kUnsetDescriptor, [](ProductCall& call) { call.choice.algo = {}; });
  // One kind of descriptor is not another.
  expect_refused(kind::kUnsetDescriptor, [](ProductCall& call) {
    std::memcpy(&call.d_layout, &call.preference, sizeof(call.d_layout));
  });
}

TEST_P(ProductBugs, HandleIsLive) {
  Product<float> product(kShape);
  expect_correct(product);
  ProductCall& call = product.call();
  ASSERT_EQ(cublasLtCreate(&call.handle), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(call.run(stream_), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(cublasLtDestroy(call.handle), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(call.run(stream_), CUBLAS_STATUS_NOT_INITIALIZED);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(cublasLtDestroy(call.handle), CUBLAS_STATUS_NOT_INITIALIZED);
  expect_report(kind::kDestroyedHandle);
  call.handle = nullptr;
  EXPECT_EQ(call.choose(), CUBLAS_STATUS_NOT_INITIALIZED);
  expect_report(kind::kForeignHandle);
}

TEST_P(ProductBugs, ShapesFit) {
  expect_refused(kind::kWrongShape, [](ProductCall& call) { call.d_layout = layout(7, 16, 8); });
  expect_refused(kind::kWrongShape, [](ProductCall& call) { call.b_layout = layout(23, 16, 24); });
  expect_refused(kind::kWrongShape, [](ProductCall& call) { call.c_layout = layout(8, 15, 8); });
  expect_refused(kind::kWrongShape, [](ProductCall& call) { call.a_layout = layout(0, 24, 8); });
  expect_refused(kind::kWrongShape, [](ProductCall& call) {
    set(call.a_layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t{2});
  });
}

TEST_P(ProductBugs, LeadingDimensions) {
  expect_refused(kind::kLeadingDimension, [](ProductCall& call) { call.a_layout = layout(8, 24, 7); });
  // Legal, but it is not how the matrix lies in memory.
  expect_found(kind::kOutOfBounds, [](ProductCall& call) { call.a_layout = layout(8, 24, 9); });
  expect_found(kind::kOutOfBounds,
               [](ProductCall& call) { call.d_layout = call.c_layout = layout(8, 16, 9); });
}

TEST_P(ProductBugs, GapsBetweenColumnsAreNotTouched) {
  Product<float> product({.m = 8, .n = 16, .k = 24, .padding = 8});
  const DeviceArray<float> d(16 * 16);  // of which nothing is written
  product.call().c = product.call().d = d.data();
  expect_correct(product);
  EXPECT_EQ(cudaMemcpy(std::vector<float>(8).data(), d.data(), 32, cudaMemcpyDeviceToHost), cudaSuccess);
  expect_silence();
  EXPECT_EQ(cudaMemcpy(std::vector<float>(9).data(), d.data(), 36, cudaMemcpyDeviceToHost), cudaSuccess);
  expect_report(kind::kUninitialised);
}

TEST_P(ProductBugs, CIsReadOnlyWithBeta) {
  const DeviceArray<float> d(8 * 16);
  for (const double beta : {0.0, 1.0}) {
    Product<float> product(kShape);
    product.set_factors(1, beta);
    expect_correct(product);
    product.call().c = d.data();
    product.call().d = d.data();
    if (beta == 0) {
      const DeviceArray<float> fresh(8 * 16);
      product.call().c = product.call().d = fresh.data();
      expect_correct(product);
    } else {
      EXPECT_EQ(product.call().run(stream_), CUBLAS_STATUS_SUCCESS);
      stream_.wait();
      expect_report(kind::kUninitialised);
    }
  }
}

TEST_P(ProductBugs, OperandsAreInitialisedDeviceMemory) {
  const DeviceArray<float> fresh(24 * 16);
  expect_found(kind::kUninitialised, [&](ProductCall& call) { call.b = fresh.data(); });
  alignas(16) const float host[24 * 16] = {};
  expect_found(kind::kNotDeviceMemory, [&](ProductCall& call) { call.b = host; });
  expect_refused(kind::kInvalidArgument, [](ProductCall& call) { call.a = nullptr; });
}

TEST_P(ProductBugs, FactorsAreOnTheHost) {
  const DeviceArray<float> one(std::vector<float>{1});
  expect_refused(kind::kInvalidArgument, [&](ProductCall& call) { call.alpha = one.data(); });
  expect_refused(kind::kInvalidArgument, [](ProductCall& call) { call.beta = nullptr; });
}

void use_bias(ProductCall& call, const void* bias) {
  set(call.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
}

TEST_P(ProductBugs, BiasIsGivenAndLongEnough) {
  const DeviceArray<float> longer(numbers<float>(20, 1)), shorter(numbers<float>(7, 1)), fresh(8);
  for (const auto epilogue : {CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU_BIAS}) {
    const ProductShape biased{.m = 8, .n = 16, .k = 24, .epilogue = epilogue};
    expect_refused(
        kind::kInvalidArgument, [&](ProductCall& call) { use_bias(call, nullptr); }, biased);
    expect_found(
        kind::kOutOfBounds, [&](ProductCall& call) { use_bias(call, shorter.data()); }, biased);
    expect_found(
        kind::kUninitialised, [&](ProductCall& call) { use_bias(call, fresh.data()); }, biased);
    expect_refused(
        kind::kMisalignedOperand, [&](ProductCall& call) { use_bias(call, longer.data() + 1); }, biased);
  }
}

TEST_P(ProductBugs, TheBiasGradientIsWritten) {
  const DeviceArray<float> longer(20), shorter(7), for_a(8), for_b(16);
  alignas(16) float host[16] = {};
  for (const auto epilogue : {CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB}) {
    const ProductShape summed{.m = 8, .n = 16, .k = 24, .epilogue = epilogue};
    const bool sums_a = epilogue == CUBLASLT_EPILOGUE_BGRADA;
    Product<float> product(summed);
    use_bias(product.call(), (sums_a ? for_a : for_b).data());  // nobody wrote it before
    expect_correct(product);
    expect_refused(
        kind::kInvalidArgument, [&](ProductCall& call) { use_bias(call, nullptr); }, summed);
    expect_found(
        kind::kOutOfBounds, [&](ProductCall& call) { use_bias(call, (sums_a ? shorter : for_a).data()); },
        summed);
    expect_found(
        kind::kNotDeviceMemory, [&](ProductCall& call) { use_bias(call, host); }, summed);
    expect_refused(
        kind::kMisalignedOperand, [&](ProductCall& call) { use_bias(call, longer.data() + 1); }, summed);
    for (const auto operand : {&ProductCall::a, &ProductCall::b})
      expect_refused(
          kind::kOverlap, [&](ProductCall& call) { use_bias(call, call.*operand); }, summed);
    expect_refused(
        kind::kOverlap, [&](ProductCall& call) { use_bias(call, call.d); }, summed);
    Product<float> batch({.m = 8, .n = 16, .k = 24, .batch = 2, .epilogue = epilogue});
    EXPECT_EQ(batch.call().choose(), CUBLAS_STATUS_NOT_SUPPORTED);
    expect_report(kind::kNotEmulated);
  }
}

TEST_P(ProductBugs, AlgorithmsServeTheirOwnEpilogue) {
  static int64_t k = 24;
  k += 8;  // what was checked once is known in the next mode
  Product<float> plain({.m = 8, .n = 16, .k = k});
  Product<float> with_relu({.m = 8, .n = 16, .k = k, .epilogue = CUBLASLT_EPILOGUE_RELU});
  expect_correct(plain);
  expect_correct(with_relu);
  with_relu.call().choice = plain.call().choice;
  EXPECT_EQ(with_relu.call().run(stream_), CUBLAS_STATUS_INVALID_VALUE);
  expect_report(kind::kOtherProblem);
  EXPECT_EQ(with_relu.call().check(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(with_relu.call().run(stream_), CUBLAS_STATUS_SUCCESS);
  expect_silence();
  Product<float> summed({.m = 8, .n = 16, .k = k, .epilogue = CUBLASLT_EPILOGUE_BGRADB});
  summed.call().choice = plain.call().choice;
  EXPECT_EQ(summed.call().check(), CUBLAS_STATUS_INVALID_VALUE);
  expect_report(kind::kOtherProblem);
}

TEST_P(ProductBugs, AlgorithmsTakeAlignmentForGranted) {
  const DeviceArray<float> a(numbers<float>(8 * 24 + 1, 1));
  expect_refused(kind::kMisalignedOperand, [&](ProductCall& call) { call.a = a.data() + 1; });
  Product<float> product(kShape);
  product.call().a = a.data() + 1;
  set(product.call().preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, uint32_t{4});
  expect_correct(product);
}

TEST_P(ProductBugs, AlgorithmsServeTheirOwnProblem) {
  Product<float> product(kShape), transposed({.m = 8, .n = 16, .k = 24, .transpose_a = true});
  expect_correct(product);
  expect_correct(transposed);
  transposed.call().choice = product.call().choice;
  EXPECT_EQ(transposed.call().run(stream_), CUBLAS_STATUS_INVALID_VALUE);
  expect_report(kind::kOtherProblem);
}

TEST_P(ProductBugs, WorkspaceIsLargeEnough) {
  expect_refused(kind::kSmallWorkspace,
                 [](ProductCall& call) { call.workspace_bytes = call.choice.workspaceSize - 1; });
  expect_refused(kind::kSmallWorkspace, [](ProductCall& call) { call.workspace = nullptr; });
  const DeviceArray<char> smaller(64);  // than what it is said to be
  expect_found(kind::kOutOfBounds, [&](ProductCall& call) { call.workspace = smaller.data(); });
}

TEST_P(ProductBugs, OperandsDoNotOverlap) {
  const DeviceArray<float> memory(numbers<float>(1000, 1));
  expect_refused(kind::kOverlap, [](ProductCall& call) { call.d = const_cast<void*>(call.a); });
  expect_refused(kind::kOverlap, [&](ProductCall& call) {
    call.a = memory.data();
    call.c = call.d = memory.data() + 8 * 24 - 4;
  });
  Product<float> neighbours(kShape);
  neighbours.call().a = memory.data();
  neighbours.call().c = neighbours.call().d = memory.data() + 8 * 24;
  expect_correct(neighbours);
  // D between the columns of A.
  neighbours.call().a = memory.data();
  neighbours.call().a_layout = layout(8, 24, 16);
  neighbours.call().c = neighbours.call().d = memory.data() + 8;
  neighbours.call().c_layout = neighbours.call().d_layout = layout(8, 16, 16);
  expect_correct(neighbours);
  expect_refused(kind::kOverlap,
                 [](ProductCall& call) {
                   set(call.d_layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, int64_t{8 * 16 - 1});
                 },
                 {.m = 8, .n = 16, .k = 24, .batch = 2});
}

TEST_P(ProductBugs, StreamsThatShareAWorkspaceRace) {
  Product<float> first(kShape), second(kShape);
  expect_correct(first);
  expect_correct(second);
  ASSERT_EQ(first.call().run(stream_), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(second.call().run(other_), CUBLAS_STATUS_SUCCESS);  // each with its own
  order(other_, stream_);
  stream_.wait();
  expect_silence();
  second.call().workspace = first.call().workspace;
  ASSERT_EQ(first.call().run(stream_), CUBLAS_STATUS_SUCCESS);
  order(stream_, other_);
  ASSERT_EQ(second.call().run(other_), CUBLAS_STATUS_SUCCESS);
  other_.wait();
  expect_silence();
  ASSERT_EQ(first.call().run(stream_), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(second.call().run(other_), CUBLAS_STATUS_SUCCESS);
  stream_.wait();
  other_.wait();
  expect_report(kind::kOperationRace);
}

TEST_P(ProductBugs, StreamIsTheOneOfTheOperands) {
  Product<float> product(kShape);
  expect_correct(product);
  const Buffer b(24 * 16);
  product.call().b = b.data();
  ASSERT_EQ(enqueue_write(stream_, b, 1), cudaSuccess);
  ASSERT_EQ(product.call().run(stream_), CUBLAS_STATUS_SUCCESS);
  stream_.wait();
  expect_silence();
  ASSERT_EQ(enqueue_write(stream_, b, 2), cudaSuccess);
  ASSERT_EQ(product.call().run(nullptr), CUBLAS_STATUS_SUCCESS);  // the default stream
  stream_.wait();
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  expect_report(kind::kOperationRace);
}

TEST_P(ProductBugs, NothingIsGuessed) {
  expect_refused(
      kind::kNotEmulated,
      [](ProductCall& call) { set(call.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_GELU); },
      kShape, CUBLAS_STATUS_NOT_SUPPORTED);
  expect_refused(
      kind::kNotEmulated,
      [](ProductCall& call) { set(call.operation, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_C); }, kShape,
      CUBLAS_STATUS_NOT_SUPPORTED);
  Product<float> product(kShape);
  expect_correct(product);
  const int32_t order = CUBLASLT_ORDER_ROW;
  EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(&product.call().a_layout, CUBLASLT_MATRIX_LAYOUT_ORDER, &order,
                                             sizeof(order)),
            CUBLAS_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
  Product<float> of_f16(kShape, CUBLAS_COMPUTE_16F);
  EXPECT_EQ(of_f16.call().choose(), CUBLAS_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
}

TEST_P(ProductBugs, Tf32Shows) {
  constexpr ProductShape kLarger{.m = 64, .n = 64, .k = 64};
  Product<float> exact(kLarger), rounded(kLarger, CUBLAS_COMPUTE_32F_FAST_TF32);
  expect_correct(exact);
  expect_correct(rounded);
  contract::expect_near(exact.result(stream_), exact.expected());
  const std::vector<float> result = rounded.result(stream_);
  const std::vector<contract::Expected> expected = rounded.expected();
  int outside = 0;
  for (size_t i = 0; i < result.size(); ++i)
    outside += std::abs(double(result[i]) - expected[i].value) > contract::tolerance<float>(expected[i]);
  EXPECT_GT(outside, int(result.size()) / 4);
}

TEST_P(ProductBugs, CallsFailOnDemand) {
  Product<float> product(kShape);
  control().inject("cublasLtMatmul", 2, CUBLAS_STATUS_EXECUTION_FAILED);
  expect_correct(product);
  EXPECT_EQ(product.call().run(stream_), CUBLAS_STATUS_EXECUTION_FAILED);
  expect_correct(product);
  control().inject("cublasLtCreate", 1, CUBLAS_STATUS_ALLOC_FAILED);
  EXPECT_EQ(cublasLtCreate(&product.call().handle), CUBLAS_STATUS_ALLOC_FAILED);
}

DLENGINE_IN_EVERY_MODE(ProductBugs);

}  // namespace
}  // namespace dlengine::emulator::test
