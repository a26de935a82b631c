// A second stack on which a function runs until it hands the processor over.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dlengine::emulator {

inline constexpr size_t kFiberStackBytes = 64 << 10;

/// Registers of code that is not running.
using Context = void*;

/// Next, `entry` is to run on the stack whose lowest address is given. It must not return.
void start_context(Context& context, char* stack, size_t bytes, void (*entry)());
/// Keeps the running code in `from` and goes on with `to`.
void switch_context(Context& from, Context to);

/// Stacks live as long as the process, with addresses below each that nobody may touch.
class Fiber {
 public:
  explicit Fiber(void (*entry)());
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Forgets what it was doing.
  void restart() { start_context(context_, stack_, kFiberStackBytes, entry_); }
  /// Called by the scheduler: runs the fiber until it calls leave().
  void enter();
  /// Called on the fiber: goes back to where enter() was called.
  void leave();
  const char* stack() const { return stack_; }

 private:
  void (*entry_)();
  char* stack_;
  Context context_ = nullptr, scheduler_ = nullptr;
};

bool is_end_of_fiber_stack(const void* address);

}  // namespace dlengine::emulator
