// Reference-counted bytes.
#include "dlengine/core/storage.h"

#include <utility>

#include "dlengine/core/allocator.h"
#include "dlengine/core/capture.h"

namespace dlengine {

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  allocator_ = &current_allocator(device);
  const Capture* capture = Capture::current();
  if (capture && capture->device() == device) owner_ = capture->memory();  // outlives its blocks
  data_ = static_cast<std::byte*>(allocator_->allocate(bytes));
}

Storage::Storage(void* data, size_t bytes, Device device, std::shared_ptr<void> owner)
    : data_(static_cast<std::byte*>(data)), bytes_(bytes), device_(device), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (allocator_) allocator_->deallocate(data_);
}

}  // namespace dlengine
