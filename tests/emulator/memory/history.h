// Which moments belong to which operation, and which of them come before the running one.
#pragma once

#include <cstddef>

#include "tests/emulator/memory/stamp.h"
#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

/// Moments [first, first + count).
struct MomentRange {
  Moment first = 0, count = 0;
  bool contains(Moment moment) const { return moment - first < count; }
};

struct History {
  Moment now = 0;
  Moment operation_begin = 0;  // of the running operation
  OperationId operation = 0;
  MomentRange known_earlier[4];  // come before the running operation
};
inline constinit History history;

/// To be called before the running operation touches memory: gives it moments of its own.
void enter_operation();
/// The operation that had this moment.
OperationId operation_at(Moment moment);

/// For moments of other operations than the running one.
bool find_whether_earlier(Moment moment);
inline bool is_earlier(Moment moment) {
  for (const MomentRange& range : history.known_earlier) {
    if (range.contains(moment)) return true;
  }
  return find_whether_earlier(moment);
}

/// True if all operations of the set come before the running one.
bool set_is_earlier(uint64_t set_number);
/// The set of the running operation and those behind the stamp that do not come before it.
Stamp join_operations(Stamp earlier);
/// An operation behind the stamp that does not come before the running one.
OperationId unordered_operation(Stamp stamp);

}  // namespace dlengine::emulator
