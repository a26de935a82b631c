// The SIGINT handler: sets a flag once, then leaves the signal to its default action.
#include "dlengine/train/interrupt.h"

#include <atomic>
#include <csignal>
#include <mutex>

namespace dlengine {
namespace {

std::atomic<bool> g_interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // so that the handler may write it

std::mutex g_mutex;  // guards the two below
int g_guards = 0;
struct sigaction g_previous = {};

void on_interrupt(int) { g_interrupted = true; }

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
  action.sa_flags = SA_RESTART | SA_RESETHAND;  // the second Ctrl-C finds the default action
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
