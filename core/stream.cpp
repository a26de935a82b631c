// Streams and events, handed to the backend of their device.
#include "dlengine/core/stream.h"

#include "dlengine/core/backend.h"

namespace dlengine {

Stream::Stream(Device device) : device_(device), handle_(backend_for(device).new_stream(device.index)) {}

void Stream::synchronize() const { backend_for(device_).synchronize_stream(device_.index, handle()); }

Event::Event(Device device) : device_(device), handle_(backend_for(device).new_event(device.index)) {}

void Event::record(const Stream& stream) {
  backend_for(device_).record_event(device_.index, handle_.get(), stream.handle());
}

void Event::block(const Stream& stream) const {
  backend_for(device_).wait_event(device_.index, handle_.get(), stream.handle());
}

void Event::synchronize() const { backend_for(device_).synchronize_event(device_.index, handle_.get()); }

double Event::elapsed_ms(const Event& start, const Event& stop) {
  return backend_for(start.device_).elapsed_ms(start.device_.index, start.handle_.get(), stop.handle_.get());
}

Stream current_stream(Device device) { return {device, backend_for(device).current_stream(device.index)}; }

namespace {
void make_current(const Stream& stream, std::shared_ptr<void> handle) {
  backend_for(stream.device()).set_current_stream(stream.device().index, std::move(handle));
}
}  // namespace

StreamGuard::StreamGuard(const Stream& stream) : previous_(current_stream(stream.device())) {
  make_current(stream, stream.shared_handle());
}

StreamGuard::~StreamGuard() { make_current(previous_, previous_.shared_handle()); }

void synchronize(Device device) { backend_for(device).synchronize(device.index); }

}  // namespace dlengine
