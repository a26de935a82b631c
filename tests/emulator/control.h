// What tests ask of the emulated device, through the one symbol of its plugin that is not dlengine's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dlengine::emulator {

/// Order in which threads and blocks run.
enum class Schedule { forward, reverse, shuffled };
/// When operations run: as late as the host's waits allow, at once, or in any order that the streams allow.
enum class Execution { lazy, eager, shuffled };

class Control {
 public:
  virtual ~Control() = default;
  /// Everything found wrong since the last call, each "kind: text". Runs what is still waiting to run.
  virtual std::vector<std::string> take_reports() = 0;
  /// Set at start by DLENGINE_EMU_SCHED=fwd|rev|rand, DLENGINE_EMU_EXEC=lazy|eager|rand and
  /// DLENGINE_EMU_SEED.
  virtual void set_modes(Schedule schedule, Execution execution, uint64_t seed) = 0;
  /// The nth call from now (from 1) of the API function ("cudaMallocAsync"; "*": of any that returns a
  /// status) fails with that status without doing anything. 0: none fails.
  virtual void inject(const std::string& api, uint64_t nth_call, int status) = 0;
  /// Calls of API functions since the last inject(), to know how many there are to fail.
  virtual uint64_t calls() const = 0;
  /// The function whose call inject() made fail; empty if it has not come to that.
  virtual std::string failed_call() const = 0;
  /// Device allocations, streams, events, library handles and descriptors that were not destroyed.
  virtual size_t live_objects() const = 0;
  virtual size_t live_allocations() const = 0;
  /// Of the device's memory; later allocations beyond it fail.
  virtual void set_capacity(size_t bytes) = 0;
  /// Counted since the start: operations by kind, for tests that count what a training step does.
  struct Counters {
    uint64_t kernels = 0, library_calls = 0, copies = 0, copied_bytes = 0, host_device_copies = 0,
             memsets = 0, allocations = 0, synchronisations = 0, graph_launches = 0, graph_nodes = 0;
  };
  virtual Counters counters() const = 0;
};

}  // namespace dlengine::emulator

/// The plugin's control.
extern "C" dlengine::emulator::Control* dlengine_emulator_control();
inline constexpr const char* kEmulatorControlSymbol = "dlengine_emulator_control";
