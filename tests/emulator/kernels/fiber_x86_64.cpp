// Switching stacks on x86-64: the registers that a called function must keep are pushed on one stack and
// popped from the other. ucontext does the same with two system calls.
#include "tests/emulator/kernels/fiber.h"

asm(R"(
.text
.hidden dlengine_emulator_switch
.globl dlengine_emulator_switch
.type dlengine_emulator_switch, @function
dlengine_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size dlengine_emulator_switch, . - dlengine_emulator_switch
)");

extern "C" void dlengine_emulator_switch(dlengine::emulator::Context* from, dlengine::emulator::Context to);

namespace dlengine::emulator {

void start_context(Context& context, char* stack, size_t bytes, void (*entry)()) {
  // Six registers, the address to return to, and where that function would return to.
  auto** top = reinterpret_cast<void**>(stack + bytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  context = top;
}

void switch_context(Context& from, Context to) { dlengine_emulator_switch(&from, to); }

}  // namespace dlengine::emulator
