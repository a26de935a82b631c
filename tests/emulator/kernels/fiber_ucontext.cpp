// Switching stacks on any processor, by the C library.
#include <ucontext.h>

#include "tests/emulator/kernels/fiber.h"

namespace dlengine::emulator {

namespace {

ucontext_t& registers(Context& context) {
  if (!context) context = new ucontext_t{};
  return *static_cast<ucontext_t*>(context);
}

}  // namespace

void start_context(Context& context, char* stack, size_t bytes, void (*entry)()) {
  ucontext_t& to = registers(context);
  getcontext(&to);
  to.uc_stack.ss_sp = stack;
  to.uc_stack.ss_size = bytes;
  makecontext(&to, entry, 0);
}

void switch_context(Context& from, Context to) {
  swapcontext(&registers(from), static_cast<ucontext_t*>(to));
}

}  // namespace dlengine::emulator
