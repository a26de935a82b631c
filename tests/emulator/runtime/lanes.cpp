// See lanes.h.
#include "tests/emulator/runtime/lanes.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <random>
#include <unordered_map>
#include <utility>

#include "tests/emulator/memory/memory.h"
#include "tests/emulator/runtime/pinned_memory.h"

namespace dlengine::emulator {

namespace {

// A longer queue makes the host wait, as it does on a device.
constexpr size_t kQueueDepth = 1024;

struct Operation {
  OperationId id;
  Clock clock;  // including the operation
  std::shared_ptr<const Work> work;
};

struct LaneState {
  uint32_t label = 0;
  uint32_t enqueued = 0, executed = 0;
  Clock clock;
  std::deque<Operation> waiting;
};

// Of every operation that ever was, for reports and to look up what precedes what.
struct Placement {
  Lane lane;
  uint32_t sequence;
  uint32_t name, label;
};

// Each different string once.
class Names {
 public:
  uint32_t number(const std::string& name) {
    const auto [found, is_new] = numbers_.try_emplace(name, uint32_t(names_.size()));
    if (is_new) names_.push_back(name);
    return found->second;
  }
  const std::string& name(uint32_t number) const { return names_[number]; }

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<std::string> names_;
};

struct Lanes {
  std::vector<LaneState> lanes;
  std::vector<Lane> retired;
  std::vector<Placement> placements{Placement{}};  // by operation; 0 is the host
  Names names;
  Clock host;
  Execution execution = Execution::lazy;
  std::mt19937_64 random;
  const Operation* running = nullptr;
};

Lanes& state() {
  static Lanes& lanes = *new Lanes;  // used until the very end of the process
  return lanes;
}

bool is_ready(const Operation& operation, Lane own) {
  for (Lane lane = 0; lane < state().lanes.size(); ++lane) {
    if (lane != own && operation.clock.of(lane) > state().lanes[lane].executed) return false;
  }
  return true;
}

// Device memory is open while one of these lives.
class Batch {
 public:
  Batch() {
    check_watched();
    open_device_memory();
  }
  ~Batch() {
    close_device_memory();
    refresh_watched();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
};

void run_first_of(Lane lane) {
  LaneState& of = state().lanes[lane];
  const Operation operation = std::move(of.waiting.front());
  of.waiting.pop_front();
  state().running = &operation;
  operation.work->run();
  state().running = nullptr;
  ++of.executed;
}

constexpr Lane kNone = ~Lane{0};

// The lane whose first operation was enqueued first, of those that the clock implies. All that comes before
// that operation has run, because it was enqueued earlier and is implied as well.
Lane next_in_order(const Clock& clock) {
  Lane best = kNone;
  const std::vector<LaneState>& lanes = state().lanes;
  for (Lane lane = 0; lane < lanes.size(); ++lane) {
    const LaneState& of = lanes[lane];
    if (of.waiting.empty() || clock.of(lane) <= of.executed) continue;
    if (best == kNone || of.waiting.front().id < lanes[best].waiting.front().id) best = lane;
  }
  return best;
}

Lane any_ready() {
  std::vector<Lane> ready;
  for (Lane lane = 0; lane < state().lanes.size(); ++lane) {
    const LaneState& of = state().lanes[lane];
    if (!of.waiting.empty() && is_ready(of.waiting.front(), lane)) ready.push_back(lane);
  }
  return ready[std::uniform_int_distribution<size_t>(0, ready.size() - 1)(state().random)];
}

Lane choose(const Clock& clock) {
  return state().execution == Execution::shuffled ? any_ready() : next_in_order(clock);
}

void run_until(const Clock& clock) {
  if (has_run(clock)) return;
  const Batch batch;
  while (!has_run(clock)) run_first_of(choose(clock));
}

}  // namespace

bool Clock::covers(const Clock& other) const {
  for (Lane lane = 0; lane < other.seen_.size(); ++lane) {
    if (other.seen_[lane] > of(lane)) return false;
  }
  return true;
}

void Clock::merge(const Clock& other) {
  if (seen_.size() < other.seen_.size()) seen_.resize(other.seen_.size());
  for (Lane lane = 0; lane < other.seen_.size(); ++lane) {
    seen_[lane] = std::max(seen_[lane], other.seen_[lane]);
  }
}

void Clock::raise(Lane lane, uint32_t sequence) {
  if (seen_.size() <= lane) seen_.resize(lane + 1);
  seen_[lane] = std::max(seen_[lane], sequence);
}

// A retired lane is used again once the host has waited for all of it: the new operations do come after.
Lane new_lane(const std::string& label) {
  Lanes& all = state();
  const auto settled = std::find_if(all.retired.begin(), all.retired.end(), [&](Lane lane) {
    return all.host.covers(lane, all.lanes[lane].enqueued);
  });
  Lane lane = Lane(all.lanes.size());
  if (settled == all.retired.end()) {
    all.lanes.emplace_back();
  } else {
    lane = *settled;
    all.retired.erase(settled);
  }
  all.lanes[lane].label = all.names.number(label);
  return lane;
}

void retire_lane(Lane lane) { state().retired.push_back(lane); }

const Clock& clock_of(Lane lane) { return state().lanes[lane].clock; }

void lane_waits(Lane lane, const Clock& clock) { state().lanes[lane].clock.merge(clock); }

OperationId append(Lane lane, const Clock& after, std::shared_ptr<const Work> work) {
  Lanes& all = state();
  LaneState& of = all.lanes[lane];
  const auto id = OperationId(all.placements.size());
  all.placements.push_back({lane, ++of.enqueued, all.names.number(work->name), of.label});
  of.clock.merge(after);
  of.clock.merge(all.host);
  of.clock.raise(lane, of.enqueued);
  if (work->on_enqueue) work->on_enqueue(id);
  of.waiting.push_back({id, of.clock, std::move(work)});
  if (all.execution == Execution::eager) {
    run_until(of.clock);
  } else if (all.execution == Execution::shuffled && all.random() % 4 == 0) {
    run_one_towards(of.clock);
  } else if (of.waiting.size() > kQueueDepth) {
    run_until(Clock(of.waiting[kQueueDepth / 2].clock));
  }
  return id;
}

const Clock& host_clock() { return state().host; }

Clock clock_of_everything() {
  Clock clock;
  for (Lane lane = 0; lane < state().lanes.size(); ++lane) clock.raise(lane, state().lanes[lane].enqueued);
  return clock;
}

bool has_run(const Clock& clock) {
  for (Lane lane = 0; lane < state().lanes.size(); ++lane) {
    if (clock.of(lane) > state().lanes[lane].executed) return false;
  }
  return true;
}

void host_waits(const Clock& clock) {
  run_until(clock);
  state().host.merge(clock);
}

void run_one_towards(const Clock& clock) {
  if (has_run(clock)) return;
  const Batch batch;
  run_first_of(choose(clock));
}

void run_everything() { run_until(clock_of_everything()); }

void set_execution(Execution execution, uint64_t seed) {
  run_everything();
  state().execution = execution;
  state().random.seed(seed);
}

OperationId running_operation() { return state().running ? state().running->id : 0; }

bool precedes_running(OperationId earlier) {
  if (earlier == 0) return true;
  const Placement& placement = state().placements[earlier];
  const Clock& clock = state().running ? state().running->clock : state().host;
  return clock.covers(placement.lane, placement.sequence);
}

std::string describe_operation(OperationId operation) {
  if (operation == 0) return "the host";
  const Placement& placement = state().placements[operation];
  return fmt::format("{} on {}", state().names.name(placement.name), state().names.name(placement.label));
}

}  // namespace dlengine::emulator
