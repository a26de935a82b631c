// See fiber.h.
#include "tests/emulator/kernels/fiber.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdlib>
#include <vector>

namespace dlengine::emulator {

namespace {

std::vector<const char*>& all_stacks() {
  static auto& stacks = *new std::vector<const char*>;  // used until the very end of the process
  return stacks;
}

// So large that no function's variables reach over it.
constexpr size_t kGuardBytes = kFiberStackBytes;

char* new_stack() {
  void* const memory = mmap(nullptr, kGuardBytes + kFiberStackBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) {
    fmt::print(stderr, "cuda-emu: no memory for the stack of another thread\n");
    std::abort();
  }
  all_stacks().push_back(static_cast<char*>(memory) + kGuardBytes);
  return static_cast<char*>(memory) + kGuardBytes;
}

}  // namespace

Fiber::Fiber(void (*entry)()) : entry_(entry), stack_(new_stack()) { restart(); }

void Fiber::enter() { switch_context(scheduler_, context_); }

void Fiber::leave() { switch_context(context_, scheduler_); }

bool is_end_of_fiber_stack(const void* address) {
  for (const char* stack : all_stacks()) {
    if (uintptr_t(stack) - uintptr_t(address) - 1 < kGuardBytes) return true;
  }
  return false;
}

}  // namespace dlengine::emulator
