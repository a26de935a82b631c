// See capture.h.
#include "tests/emulator/runtime/capture.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"

namespace dlengine::emulator {

namespace {

std::vector<std::shared_ptr<Capture>>& active_captures() {
  static auto& all = *new std::vector<std::shared_ptr<Capture>>;  // used until the very end of the process
  return all;
}

bool is_of_this_thread(const Capture& capture) { return capture.thread == std::this_thread::get_id(); }

// A capture in global mode forbids unsafe calls of all threads, one in thread-local mode those of its own.
bool forbids_unsafe(const Capture& capture) {
  switch (capture.mode) {
    case cudaStreamCaptureModeGlobal: return true;
    case cudaStreamCaptureModeThreadLocal: return is_of_this_thread(capture);
    case cudaStreamCaptureModeRelaxed: return false;
  }
  return true;
}

template <typename Forbids>
cudaError_t forbid(const Forbids& forbids, const char* why, cudaError_t status) {
  bool forbidden = false;
  for (const auto& capture : active_captures()) {
    if (!forbids(*capture)) continue;
    invalidate(*capture, why);
    forbidden = true;
  }
  return forbidden ? status : cudaSuccess;
}

}  // namespace

bool legacy_stream_is_blocked() {
  return std::any_of(active_captures().begin(), active_captures().end(),
                     [](const auto& capture) { return capture->blocking; });
}

void invalidate(Capture& capture, const std::string& why) {
  capture.invalidated = true;
  report(kind::kInCapture, fmt::format("{}: {}", current_api(), why));
}

cudaError_t forbid_unsafe() {
  return forbid(forbids_unsafe, "a stream is being captured", cudaErrorStreamCaptureUnsupported);
}

cudaError_t forbid_legacy_stream() {
  // Where no captured stream is ordered with it, the call is legal, and still not what the capture is for.
  for (const auto& capture : active_captures()) {
    if (capture->blocking || !is_of_this_thread(*capture)) continue;
    report(kind::kInCapture,
           fmt::format("{}: work on the default stream does not become part of the graph", current_api()));
  }
  return forbid([](const Capture& capture) { return capture.blocking; },
                "the default stream would wait for a stream that is being captured",
                cudaErrorStreamCaptureImplicit);
}

cudaError_t forbid_device_wait() {
  return forbid([](const Capture&) { return true; }, "a stream of the device is being captured",
                cudaErrorStreamCaptureUnsupported);
}

cudaError_t forbid_query(Capture& capture) {
  invalidate(capture, "it is being captured");
  return cudaErrorStreamCaptureUnsupported;
}

void begin_capture(const std::shared_ptr<Capture>& capture) { active_captures().push_back(capture); }

void end_capture(Capture& capture) {
  capture.active = false;
  std::erase_if(active_captures(), [&](const auto& one) { return one.get() == &capture; });
}

}  // namespace dlengine::emulator
