// Queues of device work. On the CPU a call has finished when it returns, so streams and events are empty
// there.
#pragma once

#include <memory>

#include "dlengine/core/device.h"

namespace dlengine {

/// Work of one stream runs in order; streams run side by side. A handle: copies name the same stream. A
/// tensor that several streams use is dropped on the one that uses it last: its memory waits for that stream
/// alone.
class Stream {
 public:
  /// A new stream of the device.
  explicit Stream(Device device);
  Stream(Device device, std::shared_ptr<void> handle) : device_(device), handle_(std::move(handle)) {}
  Device device() const { return device_; }
  /// The backend's handle (cudaStream_t for CUDA); null for the CPU and for a default stream.
  void* handle() const { return handle_.get(); }
  const std::shared_ptr<void>& shared_handle() const { return handle_; }
  /// Waits on the host until all work is done; errors of that work are thrown here.
  void synchronize() const;

 private:
  Device device_;
  std::shared_ptr<void> handle_;
};

/// A point in a stream.
class Event {
 public:
  explicit Event(Device device);
  void record(const Stream& stream);
  /// Makes later work of the stream wait for this point.
  void block(const Stream& stream) const;
  void synchronize() const;
  /// Milliseconds between two recorded events; waits for both.
  static double elapsed_ms(const Event& start, const Event& stop);

 private:
  Device device_;
  std::shared_ptr<void> handle_;
};

/// Where this thread's operations on the device are queued.
Stream current_stream(Device device);

/// While it lives, this thread's operations go to the stream.
class StreamGuard {
 public:
  explicit StreamGuard(const Stream& stream);
  ~StreamGuard();
  StreamGuard(const StreamGuard&) = delete;
  StreamGuard& operator=(const StreamGuard&) = delete;

 private:
  Stream previous_;
};

/// Waits until the device has done everything it was given. Errors found there, such as a label out of range,
/// are thrown here.
void synchronize(Device device);

}  // namespace dlengine
