// The contract of the CUDA runtime's functions that the engine calls: results, order and statuses.
#include <algorithm>
#include <cstring>
#include <limits>

#include "tests/emulator/contract/contract.h"

namespace dlengine::contract {
namespace {

using ContractRuntime = Contract;

TEST_F(ContractRuntime, DevicesAreNumbered) {
  int count = 0, current = -1, major = 0;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
  EXPECT_EQ(current, 0);
  EXPECT_EQ(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
  EXPECT_GE(major, 9);
  EXPECT_EQ(cudaSetDevice(count), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(-1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, count), cudaErrorInvalidDevice);
  expect_reports();
}

TEST_F(ContractRuntime, MemoryIsAlignedAndRunsOut) {
  void* data = nullptr;
  ASSERT_EQ(cudaMalloc(&data, 1), cudaSuccess);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 256, 0u);
  EXPECT_EQ(cudaFree(data), cudaSuccess);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&data, size_t{1} << 60), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMallocAsync(&data, size_t{1} << 60, stream_), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
}

TEST_F(ContractRuntime, PoolKeepsWhatWasGivenBackUntilTrimmed) {
  cudaMemPool_t pool = nullptr;
  ASSERT_EQ(cudaDeviceGetDefaultMemPool(&pool, 0), cudaSuccess);
  uint64_t keep_all = std::numeric_limits<uint64_t>::max(), reserved = 0;
  ASSERT_EQ(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep_all), cudaSuccess);
  constexpr size_t kBytes = size_t{64} << 20;
  void* data = nullptr;
  ASSERT_EQ(cudaMallocAsync(&data, kBytes, stream_), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(data, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved), cudaSuccess);
  EXPECT_GE(reserved, kBytes);
  EXPECT_EQ(cudaMemPoolTrimTo(pool, 0), cudaSuccess);
  EXPECT_EQ(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved), cudaSuccess);
  EXPECT_LT(reserved, kBytes);
}

TEST_F(ContractRuntime, CopiesAndFills) {
  const std::vector<float> values = numbers<float>(1000, 1);
  const DeviceArray<float> from(values.size()), to(values.size());
  ASSERT_EQ(cudaMemcpyAsync(from.data(), values.data(), from.bytes(), cudaMemcpyHostToDevice, stream_),
            cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(to.data(), from.data(), from.bytes(), cudaMemcpyDeviceToDevice, stream_),
            cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(to.data(), 0, 4 * sizeof(float), stream_), cudaSuccess);
  std::vector<float> expected = values;
  std::fill_n(expected.begin(), 4, 0.0F);
  EXPECT_EQ(to.read(stream_), expected);
  EXPECT_EQ(from.read(stream_), values);
}

TEST_F(ContractRuntime, CopiesAreChecked) {
  const DeviceArray<float> array(4);
  float host[4] = {};
  EXPECT_EQ(cudaMemcpyAsync(array.data(), host, 16, static_cast<cudaMemcpyKind>(77), stream_),
            cudaErrorInvalidMemcpyDirection);
  expect_reports();
}

TEST_F(ContractRuntime, FillsOfHostMemoryAreRefused) {
  int reads_host_memory = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&reads_host_memory, cudaDevAttrPageableMemoryAccess, 0), cudaSuccess);
  if (reads_host_memory) GTEST_SKIP() << "this device fills memory of the host";
  float host[4] = {};
  EXPECT_REFUSED(cudaMemsetAsync(host, 0, 16, stream_));
  expect_reports();
}

TEST_F(ContractRuntime, EventsOrderStreamsAndMeasureTime) {
  cudaStream_t other = nullptr;
  cudaEvent_t start = nullptr, stop = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&start), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&stop), cudaSuccess);
  const DeviceArray<int> array(1 << 20);
  ASSERT_EQ(cudaEventRecord(start, stream_), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(array.data(), 1, array.bytes(), stream_), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(stop, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(other, stop, 0), cudaSuccess);
  EXPECT_EQ(array.read(other), std::vector<int>(1 << 20, 0x01010101));
  EXPECT_EQ(cudaEventSynchronize(stop), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(stop), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(other), cudaSuccess);
  float ms = -1;
  EXPECT_EQ(cudaEventElapsedTime(&ms, start, stop), cudaSuccess);
  EXPECT_GE(ms, 0);
  EXPECT_EQ(cudaEventDestroy(start), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(stop), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

TEST_F(ContractRuntime, TimeNeedsEventsThatKeepIt) {
  cudaEvent_t event = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event, stream_), cudaSuccess);
  ASSERT_EQ(cudaEventSynchronize(event), cudaSuccess);
  float ms = 0;
  EXPECT_EQ(cudaEventElapsedTime(&ms, event, event), cudaErrorInvalidResourceHandle);
  expect_reports();
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
}

TEST_F(ContractRuntime, PinnedMemoryIsCopiedInTheStreamsOrder) {
  void* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, 4096), cudaSuccess);
  std::memset(pinned, 7, 4096);
  const DeviceArray<char> array(4096);
  ASSERT_EQ(cudaMemcpyAsync(array.data(), pinned, 4096, cudaMemcpyHostToDevice, stream_), cudaSuccess);
  EXPECT_EQ(array.read(stream_), std::vector<char>(4096, 7));
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST_F(ContractRuntime, GraphsReplayWhatWasCaptured) {
  const DeviceArray<char> from(std::vector<char>(64, 5)), to(64);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(to.data(), from.data(), 64, cudaMemcpyDeviceToDevice, stream_), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(from.data(), 9, 32, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(stream_, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(executable, stream_), cudaSuccess);
  EXPECT_EQ(to.read(stream_), std::vector<char>(64, 5));
  ASSERT_EQ(cudaGraphLaunch(executable, stream_), cudaSuccess);
  std::vector<char> expected(64, 5);
  std::fill_n(expected.begin(), 32, char{9});
  EXPECT_EQ(to.read(stream_), expected);
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(ContractRuntime, WaitingDuringCaptureSpoilsIt) {
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureInvalidated);
  expect_reports();
}

TEST_F(ContractRuntime, CapturedForksMustJoin) {
  cudaStream_t other = nullptr;
  cudaEvent_t event = nullptr;
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  const DeviceArray<char> array(64);
  ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(other, event, 0), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(array.data(), 0, 64, other), cudaSuccess);
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureUnjoined);
  expect_reports();
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(other), cudaSuccess);
}

}  // namespace
}  // namespace dlengine::contract
