// Device memory: the interface, its counters, and the caching host allocator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace dlengine {

/// Counters of one allocator, in bytes unless said otherwise.
struct MemoryStats {
  int64_t in_use = 0;       // handed out now
  int64_t peak = 0;         // largest in_use since the start or reset_peak()
  int64_t reserved = 0;     // taken from the system: in use or kept for reuse
  int64_t allocations = 0;  // calls of allocate(), a count
};

/// Hands out device memory, aligned to 64 bytes or more. Thread-safe.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Throws OutOfMemoryError that says what was asked for and what is in use. 0 bytes give nullptr.
  virtual void* allocate(size_t bytes) = 0;
  virtual void deallocate(void* pointer) noexcept = 0;
  virtual MemoryStats stats() const = 0;
  virtual void reset_peak() = 0;
  /// Gives kept memory back to the system.
  virtual void trim() = 0;
};

/// Host memory. Freed blocks are kept and reused, so a training step of fixed shape gets the same addresses
/// again and takes no page fault after its first run.
class HostAllocator final : public Allocator {
 public:
  ~HostAllocator() override;
  void* allocate(size_t bytes) override;
  void deallocate(void* pointer) noexcept override;
  MemoryStats stats() const override;
  void reset_peak() override;
  void trim() override;

 private:
  mutable std::mutex mutex_;
  MemoryStats stats_;
  /// All blocks of one size.
  struct Kind {
    size_t bytes = 0;
    std::vector<void*> free;
  };
  std::map<size_t, Kind> kinds_;              // by size; none ever goes away
  std::unordered_map<void*, Kind*> kind_of_;  // of every block taken from the system
};

}  // namespace dlengine
