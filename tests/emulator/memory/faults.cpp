// See faults.h. The faults are synchronous and the process ends, so the handler may use all functions.
#include "tests/emulator/memory/faults.h"

#include <execinfo.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdlib>

#include "tests/emulator/kernels/fiber.h"
#include "tests/emulator/memory/arena.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

namespace {

struct sigaction previous;

[[noreturn]] void die(std::string_view kind, const std::string& text) {
  fmt::print(stderr, "cuda-emu: {}: {}\n", kind, text);
  std::fflush(stderr);
  std::abort();
}

void on_fault(int, siginfo_t* info, void*) {
  const void* const address = info->si_addr;
  if (!arena.contains(address) && !is_end_of_fiber_stack(address)) {
    sigaction(SIGSEGV, &previous, nullptr);  // and the instruction fails again
    return;
  }
  void* frames[3] = {};  // this function, the system's call of it, the instruction
  backtrace(frames, 3);
  const std::string place = place_of(static_cast<char*>(frames[2]) + 1);
  if (arena.contains(address))
    die(kind::kHostAccess, fmt::format("the host touches {} at {}", describe_address(address), place));
  die(kind::kStackOverflow,
      fmt::format("a thread of a kernel needs more than {} bytes of stack at {}", kFiberStackBytes, place));
}

}  // namespace

void install_fault_handler() {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGSEGV, &action, &previous);
}

void provide_signal_stack() {
  thread_local bool provided = false;
  if (provided) return;
  provided = true;
  stack_t stack{};
  if (sigaltstack(nullptr, &stack) == 0 && !(stack.ss_flags & SS_DISABLE)) return;
  constexpr size_t kBytes = 256 << 10;
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;  // an overflow then ends the process without a report
  stack = {.ss_sp = memory, .ss_flags = 0, .ss_size = kBytes};
  sigaltstack(&stack, nullptr);
}

}  // namespace dlengine::emulator
