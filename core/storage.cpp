// Reference-counted bytes.
#include "dlengine/core/storage.h"

#include <utility>

#include "dlengine/core/allocator.h"
#include "dlengine/core/backend.h"

namespace dlengine {

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device) {
  allocator_ = &backend_for(device).allocator(device.index);
  data_ = static_cast<std::byte*>(allocator_->allocate(bytes));
}

Storage::Storage(void* data, size_t bytes, Device device, std::shared_ptr<void> owner)
    : data_(static_cast<std::byte*>(data)), bytes_(bytes), device_(device), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (allocator_) allocator_->deallocate(data_);
}

}  // namespace dlengine
