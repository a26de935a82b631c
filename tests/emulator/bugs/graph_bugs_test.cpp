// Bugs in capturing and launching graphs, each beside the correct program that it is a slip of.
#include <cuda_runtime_api.h>

#include <functional>
#include <thread>
#include <vector>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/handles.h"

namespace dlengine::emulator::test {
namespace {

constexpr size_t kCount = 32, kBytes = kCount * sizeof(float);

class GraphBugs : public BugTest {
 protected:
  Stream stream_, side_;
  Buffer buffer_{kCount};

  void SetUp() override {
    BugTest::SetUp();
    enqueue_write(stream_, buffer_, 0);
    stream_.wait();
  }

  // What ending the capture of `work` returns, and its graph if that is a success.
  cudaError_t capture(const std::function<void()>& work, cudaGraph_t& graph) {
    EXPECT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    work();
    return cudaStreamEndCapture(stream_, &graph);
  }

  // Captures, instantiates, launches and waits.
  void run_as_graph(const std::function<void()>& work, int launches = 1) {
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(capture(work, graph), cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
    ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    for (int i = 0; i < launches; ++i) EXPECT_EQ(cudaGraphLaunch(executable, stream_), cudaSuccess);
    stream_.wait();
    EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  }

  // The call, made during a capture, fails with the status, spoils the capture, and is reported.
  void expect_illegal(cudaError_t status, const std::function<cudaError_t()>& call,
                      std::string_view kind = kind::kInCapture) {
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(capture([&] { EXPECT_EQ(call(), status); }, graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(graph, nullptr);
    expect_report(kind);
  }

  float result() {
    std::vector<float> host(kCount);
    EXPECT_EQ(cudaMemcpyAsync(host.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToHost, stream_),
              cudaSuccess);
    return host[0];
  }
};

cudaError_t enqueue_increment(cudaStream_t stream, const Buffer& buffer) {
  return enqueue(stream, "increment", [data = buffer.data(), bytes = buffer.bytes()] {
    touch(data, bytes, Access::read, "its operand");
    touch(data, bytes, Access::write, "its result");
    for (size_t i = 0; i < bytes / sizeof(float); ++i) ++data[i];
  });
}

TEST_P(GraphBugs, CapturedWorkRunsOnceForEachLaunch) {
  run_as_graph(
      [&] {
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        EXPECT_EQ(cudaStreamIsCapturing(stream_, &status), cudaSuccess);
        EXPECT_EQ(status, cudaStreamCaptureStatusActive);
        enqueue_increment(stream_, buffer_);
        enqueue_increment(stream_, buffer_);
      },
      3);
  EXPECT_EQ(result(), 6);
}

TEST_P(GraphBugs, ForkAndJoin) {
  const Buffer other(kCount);
  const auto program = [&](bool side_waits, bool joins) {
    return [=, &other, this] {
      enqueue_increment(stream_, buffer_);
      order(stream_, side_);
      enqueue_write(side_, other, 1);
      if (side_waits) order(side_, stream_);
      enqueue_read(stream_, other);
      if (joins && !side_waits) order(side_, stream_);
    };
  };
  run_as_graph(program(true, true), 2);
  EXPECT_EQ(result(), 2);
  expect_silence();

  enqueue_write(stream_, other, 0);
  run_as_graph(program(false, true));
  expect_report(kind::kOperationRace);

  cudaGraph_t graph = nullptr;
  EXPECT_EQ(capture(program(false, false), graph), cudaErrorStreamCaptureUnjoined);
  expect_report(kind::kUnjoined);
}

TEST_P(GraphBugs, BranchesOfAGraphAreOnlyOrderedByItsEdges) {
  const auto program = [&](bool ordered) {
    run_as_graph([&] {
      order(stream_, side_);
      enqueue_increment(stream_, buffer_);
      if (ordered) order(stream_, side_);
      enqueue_increment(side_, buffer_);
      order(side_, stream_);
    });
  };
  program(true);
  EXPECT_EQ(result(), 2);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(GraphBugs, GraphIsOrderedWithTheWorkAroundIt) {
  const auto program = [&](bool on_its_stream) {
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(capture([&] { enqueue_increment(stream_, buffer_); }, graph), cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
    enqueue_increment(stream_, buffer_);
    cudaGraphLaunch(executable, on_its_stream ? stream_ : side_);
    enqueue_increment(stream_, buffer_);
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
    cudaDeviceSynchronize();
  };
  program(true);
  EXPECT_EQ(result(), 3);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(GraphBugs, LaunchesOfOneGraphComeOneAfterTheOther) {
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(capture([&] { enqueue_increment(stream_, buffer_); }, graph), cudaSuccess);
  cudaGraphExec_t one = nullptr, other = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&one, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&other, graph, 0), cudaSuccess);
  cudaGraphLaunch(one, stream_);
  cudaGraphLaunch(one, side_);
  cudaDeviceSynchronize();
  expect_silence();
  cudaGraphLaunch(one, stream_);
  cudaGraphLaunch(other, side_);
  cudaDeviceSynchronize();
  expect_report(kind::kOperationRace);
  cudaGraphExecDestroy(one);
  cudaGraphExecDestroy(other);
  cudaGraphDestroy(graph);
}

TEST_P(GraphBugs, PinnedSourceIsReadAtEachLaunch) {
  PinnedBuffer source(kCount);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(
      capture(
          [&] { cudaMemcpyAsync(buffer_.data(), source.data(), kBytes, cudaMemcpyHostToDevice, stream_); },
          graph),
      cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  for (const float value : {1.0F, 2.0F}) {
    std::fill_n(source.data(), kCount, value);
    cudaGraphLaunch(executable, stream_);
    EXPECT_EQ(result(), value);
  }
  expect_silence();
  cudaGraphLaunch(executable, stream_);
  source.data()[0] = 3;
  stream_.wait();
  if (is_lazy()) expect_report(kind::kPinnedChanged);
  if (is_eager()) expect_silence();  // the copy has run by then
  (void)control().take_reports();    // and may have in shuffled order
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
}

TEST_P(GraphBugs, MemoryIsNeitherTakenNorFreedDuringCapture) {
  void* data = nullptr;
  expect_illegal(cudaErrorStreamCaptureUnsupported, [&] { return cudaMalloc(&data, 64); });
  expect_illegal(cudaErrorStreamCaptureUnsupported, [&] { return cudaFree(buffer_.data()); });
  expect_illegal(cudaErrorStreamCaptureUnsupported, [&] { return cudaMallocHost(&data, 64); });
  expect_illegal(
      cudaErrorStreamCaptureUnsupported, [&] { return cudaMallocAsync(&data, 64, stream_); },
      kind::kNotEmulated);
}

TEST_P(GraphBugs, HostDoesNotWaitForACapture) {
  expect_illegal(cudaErrorStreamCaptureUnsupported, [&] { return cudaStreamSynchronize(stream_); });
  expect_illegal(cudaErrorStreamCaptureUnsupported, [&] { return cudaStreamQuery(stream_); });
  expect_illegal(cudaErrorStreamCaptureUnsupported, [&] { return cudaDeviceSynchronize(); });
  std::vector<float> host(kCount);
  expect_illegal(cudaErrorStreamCaptureUnsupported, [&] {
    return cudaMemcpyAsync(host.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToHost, stream_);
  });
  expect_illegal(cudaErrorStreamCaptureUnsupported,
                 [&] { return cudaMemcpy(host.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToHost); });
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(capture([&] { EXPECT_EQ(cudaStreamSynchronize(side_), cudaSuccess); }, graph), cudaSuccess);
  cudaGraphDestroy(graph);
}

TEST_P(GraphBugs, WorkOnTheDefaultStreamIsNotCaptured) {
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(capture([&] { EXPECT_EQ(enqueue_increment(nullptr, buffer_), cudaSuccess); }, graph),
            cudaSuccess);
  expect_report(kind::kInCapture);
  cudaGraphDestroy(graph);

  const Stream blocking(cudaStreamDefault);
  ASSERT_EQ(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeRelaxed), cudaSuccess);
  EXPECT_EQ(enqueue_increment(nullptr, buffer_), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(enqueue_increment(blocking, buffer_), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
  expect_report(kind::kInCapture);
}

TEST_P(GraphBugs, CapturedWorkDoesNotWaitForWorkOutside) {
  const Event event;
  cudaEventRecord(event, side_);
  expect_illegal(cudaErrorStreamCaptureIsolation, [&] { return cudaStreamWaitEvent(stream_, event, 0); });
}

TEST_P(GraphBugs, HostDoesNotWaitForACapturedEvent) {
  const Event event;
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(capture([&] { EXPECT_EQ(cudaEventRecord(event, stream_), cudaSuccess); }, graph), cudaSuccess);
  cudaGraphDestroy(graph);
  expect_silence();
  EXPECT_EQ(cudaEventSynchronize(event), cudaErrorCapturedEvent);
  expect_report(kind::kCapturedEvent);
  EXPECT_EQ(cudaStreamWaitEvent(side_, event, 0), cudaErrorCapturedEvent);
  expect_report(kind::kCapturedEvent);
  EXPECT_EQ(cudaEventRecord(event, stream_), cudaSuccess);  // outside of captures again
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
}

TEST_P(GraphBugs, CaptureEndsWhereItBegan) {
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorIllegalState);
  expect_report(kind::kInCapture);
  EXPECT_EQ(capture(
                [&] {
                  order(stream_, side_);
                  EXPECT_EQ(cudaStreamEndCapture(side_, &graph), cudaErrorStreamCaptureUnmatched);
                },
                graph),
            cudaErrorStreamCaptureInvalidated);
  expect_report(kind::kInCapture);
  EXPECT_EQ(capture(
                [&] {
                  std::thread([&] {
                    EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureWrongThread);
                  }).join();
                },
                graph),
            cudaErrorStreamCaptureInvalidated);
  expect_report(kind::kInCapture);
}

TEST_P(GraphBugs, TwoCapturesAreNotJoined) {
  cudaGraph_t graph = nullptr, other = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(side_, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_EQ(capture(
                [&] {
                  const Event event;
                  cudaEventRecord(event, side_);
                  EXPECT_EQ(cudaStreamWaitEvent(stream_, event, 0), cudaErrorStreamCaptureMerge);
                },
                graph),
            cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaStreamEndCapture(side_, &other), cudaErrorStreamCaptureInvalidated);
  expect_report(kind::kInCapture);
}

TEST_P(GraphBugs, CaptureModeSaysWhoMayTakeMemory) {
  const auto take_in_thread = [] {
    cudaError_t status = cudaErrorUnknown;
    std::thread([&] {
      void* data = nullptr;
      status = cudaMalloc(&data, 64);
      if (data) cudaFree(data);
    }).join();
    return status;
  };
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_EQ(take_in_thread(), cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(stream_, &graph), cudaSuccess);
  cudaGraphDestroy(graph);
  expect_silence();
  ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(take_in_thread(), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureInvalidated);
  expect_report(kind::kInCapture);
}

TEST_P(GraphBugs, NodesAreCounted) {
  const Control::Counters before = control().counters();
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(capture(
                [&] {
                  enqueue_increment(stream_, buffer_);
                  cudaMemsetAsync(buffer_.data(), 0, kBytes, stream_);
                },
                graph),
            cudaSuccess);
  size_t count = 0;
  EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &count), cudaSuccess);
  ASSERT_EQ(count, 2);
  std::vector<cudaGraphNode_t> nodes(count);
  EXPECT_EQ(cudaGraphGetNodes(graph, nodes.data(), &count), cudaSuccess);
  EXPECT_NE(nodes[0], nodes[1]);
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  cudaGraphLaunch(executable, stream_);
  stream_.wait();
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  EXPECT_EQ(control().counters().graph_launches - before.graph_launches, 1);
  EXPECT_EQ(control().counters().graph_nodes - before.graph_nodes, 2);
  EXPECT_EQ(control().counters().kernels, before.kernels);
}

TEST_P(GraphBugs, DestroyedGraphsAreRefused) {
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(capture([] {}, graph), cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(cudaGraphLaunch(executable, stream_), cudaSuccess);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  expect_silence();
  EXPECT_EQ(cudaGraphLaunch(executable, stream_), cudaErrorInvalidResourceHandle);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaErrorInvalidValue);
  expect_report(kind::kDestroyedHandle);
}

DLENGINE_IN_EVERY_MODE(GraphBugs);

}  // namespace
}  // namespace dlengine::emulator::test
