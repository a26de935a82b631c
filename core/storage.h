// Reference-counted bytes on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "dlengine/core/device.h"

namespace dlengine {

class Allocator;

/// Bytes that tensors share. Not copied, held by std::shared_ptr.
class Storage {
 public:
  /// Uninitialised memory of the device. Throws OutOfMemoryError.
  Storage(size_t bytes, Device device);
  /// Memory of somebody else; owner is released when the last tensor is gone.
  Storage(void* data, size_t bytes, Device device, std::shared_ptr<void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  /// Of foreign memory, or the recorded step's memory that it comes from; else null.
  const std::shared_ptr<void>& owner() const { return owner_; }

  /// Counts in-place writes, so that the tape notices when a saved tensor was changed before backward().
  uint32_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  Device device_;
  uint32_t version_ = 0;
  Allocator* allocator_ = nullptr;  // null for foreign memory
  std::shared_ptr<void> owner_;     // of foreign memory, or the allocator
};

}  // namespace dlengine
