// Operations in lanes: those of a lane run one after the other, and clocks say what comes before what across
// lanes. Streams and the chains of a graph are lanes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/emulator/control.h"
#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

using Lane = uint32_t;

/// A set of operations with all that come before them: of each lane, the first so many.
class Clock {
 public:
  bool covers(Lane lane, uint32_t sequence) const { return lane < seen_.size() && seen_[lane] >= sequence; }
  bool covers(const Clock& other) const;
  uint32_t of(Lane lane) const { return lane < seen_.size() ? seen_[lane] : 0; }
  void merge(const Clock& other);
  void raise(Lane lane, uint32_t sequence);

 private:
  std::vector<uint32_t> seen_;
};

/// What an operation does. A node of a graph does it once for each launch.
struct Work {
  std::string name;
  OperationKind kind = OperationKind::other;
  std::function<void()> run = {};
  std::function<void(OperationId)> on_enqueue = {};  // may be empty; while the host enqueues
};

/// `label` names the lane in reports: "stream 2".
Lane new_lane(const std::string& label);
/// No more operations will come.
void retire_lane(Lane lane);
/// Every operation of the lane, and what they come after.
const Clock& clock_of(Lane lane);
/// Later operations of the lane come after those of the clock.
void lane_waits(Lane lane, const Clock& clock);
/// Adds an operation that comes after the lane's, after those of the clock and what the host waited for.
OperationId append(Lane lane, const Clock& after, std::shared_ptr<const Work> work);

/// What the host has waited for, in any of its threads.
const Clock& host_clock();
/// All operations so far.
Clock clock_of_everything();
bool has_run(const Clock& clock);
/// The host waits: runs what the clock implies and what the execution mode adds.
void host_waits(const Clock& clock);
/// As time passes: runs one of the operations that the clock implies, if one is left.
void run_one_towards(const Clock& clock);
/// Runs all that was enqueued, without the host knowing.
void run_everything();

/// When operations run.
void set_execution(Execution execution, uint64_t seed);

}  // namespace dlengine::emulator
