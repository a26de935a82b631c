// What the contract tests share: a fixture, arrays on the device, made-up numbers and how close results must
// be.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dlengine/core/half.h"
#include "tests/emulator/contract/contract_device.h"

/// The call does not succeed, with whatever status.
#define EXPECT_REFUSED(call) EXPECT_NE(int(call), 0)

namespace dlengine::contract {

class Contract : public testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = why_no_device();
    if (!reason.empty()) GTEST_SKIP() << reason;
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
  }
  void TearDown() override {
    if (!stream_) return;
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    expect_silence();
  }
  cudaStream_t stream_ = nullptr;
};

/// What the libraries call the element type, and the relative rounding error of one operation: on elements
/// and on the sums that they go into.
template <typename T>
struct TypeOf;
template <>
struct TypeOf<float> {
  static constexpr cudaDataType_t kBlas = CUDA_R_32F;
  static constexpr cudnnDataType_t kDnn = CUDNN_DATA_FLOAT;
  static constexpr double kRounding = 0x1p-24, kSumRounding = 0x1p-24;
  using Sum = float;
};
template <>
struct TypeOf<double> {
  static constexpr cudaDataType_t kBlas = CUDA_R_64F;
  static constexpr cudnnDataType_t kDnn = CUDNN_DATA_DOUBLE;
  static constexpr double kRounding = 0x1p-53, kSumRounding = 0x1p-53;
  using Sum = double;
};
template <>
struct TypeOf<Half> {
  static constexpr cudaDataType_t kBlas = CUDA_R_16F;
  static constexpr cudnnDataType_t kDnn = CUDNN_DATA_HALF;
  static constexpr double kRounding = 0x1p-11, kSumRounding = 0x1p-24;
  using Sum = float;
};
template <>
struct TypeOf<BFloat16> {
  static constexpr cudaDataType_t kBlas = CUDA_R_16BF;
  static constexpr cudnnDataType_t kDnn = CUDNN_DATA_BFLOAT16;
  static constexpr double kRounding = 0x1p-8, kSumRounding = 0x1p-24;
  using Sum = float;
};

/// Numbers between -1 and 1 that T has.
template <typename T>
std::vector<T> numbers(size_t count, unsigned seed) {
  std::vector<T> values(count);
  uint32_t state = seed * 2654435761u + 12345u;
  for (T& value : values) {
    state = state * 1664525u + 1013904223u;
    value = T(float(int32_t(state >> 8) - (1 << 23)) * 0x1p-23f);
  }
  return values;
}

/// A copy of host memory, or memory that nobody has written.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) { EXPECT_EQ(cudaMalloc(&data_, bytes()), cudaSuccess); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(cudaStreamLegacy),
              cudaSuccess);  // other streams do not wait for the copy
  }
  ~DeviceArray() { EXPECT_EQ(cudaFree(data_), cudaSuccess); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return static_cast<T*>(data_); }
  size_t bytes() const { return count_ * sizeof(T); }
  /// What it holds when the stream has done its work.
  std::vector<T> read(cudaStream_t stream) const {
    std::vector<T> values(count_);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }

 private:
  size_t count_;
  void* data_ = nullptr;
};

/// A sum of `terms` products as it should be, and the sum of their absolute values.
struct Expected {
  double value = 0, magnitude = 0;
  int64_t terms = 0;
  void add(double term) {
    value += term;
    magnitude += std::abs(term);
    ++terms;
  }
};

/// How far a result may be off: every addition rounds, and so does what is stored.
template <typename T>
double tolerance(const Expected& expected) {
  return TypeOf<T>::kRounding * std::abs(expected.value) +
         4 * double(expected.terms + 2) * TypeOf<T>::kSumRounding * expected.magnitude;
}

template <typename T>
void expect_near(const std::vector<T>& results, const std::vector<Expected>& expected) {
  ASSERT_EQ(results.size(), expected.size());
  for (size_t i = 0; i < results.size(); ++i)
    ASSERT_NEAR(double(results[i]), expected[i].value, tolerance<T>(expected[i])) << "element " << i;
}

}  // namespace dlengine::contract
