// The handles that a stand-in gives out: streams, events, descriptors.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "tests/emulator/injection.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

namespace kind {
inline constexpr std::string_view kDestroyedHandle = "destroyed handle";
inline constexpr std::string_view kForeignHandle = "foreign handle";
}  // namespace kind

/// The start of a range of handles that no other kind uses, outside of all addresses.
uintptr_t new_handle_range();
/// Handles of all kinds that were not destroyed.
size_t live_handles();
void count_live_handle(int change);

/// The objects behind all handles of one kind. A handle is a number, never given out twice, so a destroyed
/// one is told from a foreign one. To be leaked: handles are destroyed until the very end of the process.
template <typename Handle, typename Object>
class Handles {
 public:
  /// `kind` names the handles in reports.
  explicit Handles(const char* kind) : kind_(kind), first_(new_handle_range()), next_(first_) {}

  Handle create(Object object) {
    next_ += 16;
    count_live_handle(1);
    const auto handle = reinterpret_cast<Handle>(next_);
    objects_.emplace(handle, std::move(object));
    return handle;
  }

  /// Null, and a report, unless the handle is live.
  Object* find(Handle handle) {
    const auto found = objects_.find(handle);
    if (found != objects_.end()) return &found->second;
    const auto value = reinterpret_cast<uintptr_t>(handle);
    const bool ours = value > first_ && value <= next_ && value % 16 == 0;
    report(ours ? kind::kDestroyedHandle : kind::kForeignHandle,
           fmt::format("{}: {} {}", current_api(), kind_,
                       ours ? fmt::format("{} was destroyed", number(handle))
                            : fmt::format("{:#x} was never created", value)));
    return nullptr;
  }

  /// False, and a report, unless the handle was live.
  bool destroy(Handle handle) {
    if (!find(handle)) return false;
    objects_.erase(handle);
    count_live_handle(-1);
    return true;
  }

  /// Counts the handles of this kind from 1, for reports.
  uint64_t number(Handle handle) const { return (reinterpret_cast<uintptr_t>(handle) - first_) / 16; }

  auto begin() { return objects_.begin(); }
  auto end() { return objects_.end(); }

 private:
  const char* kind_;
  uintptr_t first_, next_;
  std::unordered_map<Handle, Object> objects_;
};

}  // namespace dlengine::emulator
