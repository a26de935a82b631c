// The SIGINT handler: sets a flag once, then leaves the signal to its default action.
#include "dlengine/train/interrupt.h"

#include <atomic>
#include <csignal>
#include <cstddef>
#include <memory>
#include <mutex>

namespace dlengine {
namespace {

std::atomic<bool> g_interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // so that the handler may write it

std::mutex g_mutex;  // guards the two below
int g_guards = 0;
struct sigaction g_previous = {};

void on_interrupt(int) { g_interrupted = true; }

/// The handler's own stack on a thread that has none. Generated code of oneDNN may keep data below its stack
/// pointer, where the signal's frame would overwrite them.
class HandlerStack {
 public:
  HandlerStack() {
    stack_t present = {};
    if (sigaltstack(nullptr, &present) != 0 || !(present.ss_flags & SS_DISABLE)) return;
    memory_ = std::make_unique<char[]>(kBytes);
    stack_t own = {};
    own.ss_sp = memory_.get();
    own.ss_size = kBytes;
    sigaltstack(&own, nullptr);
  }
  ~HandlerStack() {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    if (memory_) sigaltstack(&none, nullptr);
  }
  HandlerStack(const HandlerStack&) = delete;
  HandlerStack& operator=(const HandlerStack&) = delete;

 private:
  static constexpr size_t kBytes = size_t{1} << 16;
  std::unique_ptr<char[]> memory_;
};

}  // namespace

InterruptGuard::InterruptGuard(bool active) : active_(active) {
  if (!active_) return;
  const std::lock_guard lock(g_mutex);
  if (g_guards++ > 0) return;
  g_interrupted = false;
  sigaction(SIGINT, nullptr, &g_previous);
  if (g_previous.sa_handler == SIG_IGN) return;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  static thread_local const HandlerStack stack;  // for the rest of the thread's life
  // The second Ctrl-C finds the default action.
  action.sa_flags = SA_RESTART | SA_RESETHAND | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  if (!active_) return;
  const std::lock_guard lock(g_mutex);
  if (--g_guards == 0) sigaction(SIGINT, &g_previous, nullptr);
}

bool InterruptGuard::interrupted() const { return active_ && g_interrupted; }

}  // namespace dlengine
