// See control.h; and what happens when the process starts and ends.
#include "tests/emulator/control.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "tests/emulator/counters.h"
#include "tests/emulator/injection.h"
#include "tests/emulator/kernels/grid.h"
#include "tests/emulator/lock.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/handles.h"
#include "tests/emulator/runtime/lanes.h"
#include "tests/emulator/runtime/start.h"

namespace dlengine::emulator {

namespace {

// Of a process that ends with reports that nobody took.
constexpr int kExitWithReports = 86;

class TheControl final : public Control {
 public:
  std::vector<std::string> take_reports() override {
    const std::lock_guard lock(emulator_mutex());
    run_everything();
    return emulator::take_reports();
  }

  void set_modes(Schedule schedule, Execution execution, uint64_t seed) override {
    const std::lock_guard lock(emulator_mutex());
    set_execution(execution, seed);
    set_schedule(schedule, seed);
  }

  void inject(const std::string& api, uint64_t nth_call, int status) override {
    const std::lock_guard lock(emulator_mutex());
    emulator::inject(api, nth_call, status);
    mend_context();
  }

  uint64_t calls() const override {
    const std::lock_guard lock(emulator_mutex());
    return api_calls();
  }

  std::string failed_call() const override {
    const std::lock_guard lock(emulator_mutex());
    return emulator::failed_call();
  }

  size_t live_objects() const override {
    const std::lock_guard lock(emulator_mutex());
    return live_handles() + live_allocations();
  }

  size_t live_allocations() const override {
    const std::lock_guard lock(emulator_mutex());
    run_everything();  // frees are in the order of streams
    return emulator::live_allocations();
  }

  void set_capacity(size_t bytes) override {
    const std::lock_guard lock(emulator_mutex());
    set_device_capacity(bytes);
  }

  Counters counters() const override {
    const std::lock_guard lock(emulator_mutex());
    return emulator::counters();
  }
};

TheControl& the_control() {
  static TheControl& control = *new TheControl;  // used until the very end of the process
  return control;
}

std::string_view setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// One of the names, the first if the variable is not set.
template <typename T>
T choice(const char* variable, const char* const (&names)[3], const T (&values)[3]) {
  const std::string_view value = setting(variable);
  if (value.empty()) return values[0];
  for (int i = 0; i < 3; ++i) {
    if (value == names[i]) return values[i];
  }
  std::fprintf(stderr, "%s must be %s, %s or %s\n", variable, names[0], names[1], names[2]);
  std::abort();
}

// True if there were any.
bool print_untaken_reports() {
  const std::vector<std::string> reports = emulator::take_reports();
  for (const std::string& report : reports) std::fprintf(stderr, "cuda-emu: %s\n", report.c_str());
  std::fflush(nullptr);
  return !reports.empty();
}

bool dies_at_first_report = false;

bool start_once() {
  const std::string seed(setting("DLENGINE_EMU_SEED"));
  the_control().set_modes(choice("DLENGINE_EMU_SCHED", {"fwd", "rev", "rand"},
                                 {Schedule::forward, Schedule::reverse, Schedule::shuffled}),
                          choice("DLENGINE_EMU_EXEC", {"lazy", "eager", "rand"},
                                 {Execution::lazy, Execution::eager, Execution::shuffled}),
                          std::strtoull(seed.c_str(), nullptr, 10));
  dies_at_first_report = setting("DLENGINE_EMU_DIE") == "1";
  std::atexit([] {
    if (print_untaken_reports()) _exit(kExitWithReports);  // later handlers could not change the status
  });
  return true;
}

}  // namespace

void start() { [[maybe_unused]] static const bool started = start_once(); }

void die_if_asked() {
  if (dies_at_first_report && print_untaken_reports()) std::abort();
}

Control::Counters& counters() {
  static Control::Counters& all = *new Control::Counters;  // used until the very end of the process
  return all;
}

}  // namespace dlengine::emulator

extern "C" __attribute__((visibility("default"))) dlengine::emulator::Control* dlengine_emulator_control() {
  dlengine::emulator::start();
  return &dlengine::emulator::the_control();
}
