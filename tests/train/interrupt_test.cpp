// Ctrl-C, sent by the test to itself.
#include "dlengine/train/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace dlengine::test {
namespace {

volatile std::sig_atomic_t g_own_handler_calls = 0;
void own_handler(int) { g_own_handler_calls = g_own_handler_calls + 1; }

TEST(InterruptGuard, NotesTheFirstSignal) {
  const InterruptGuard guard;
  EXPECT_FALSE(guard.interrupted());
  std::raise(SIGINT);
  EXPECT_TRUE(guard.interrupted());
}

TEST(InterruptGuard, StartsAfresh) {
  {
    const InterruptGuard guard;
    std::raise(SIGINT);
  }
  EXPECT_FALSE(InterruptGuard().interrupted());
}

TEST(InterruptGuard, RestoresTheHandlerBefore) {
  g_own_handler_calls = 0;
  const auto previous = std::signal(SIGINT, own_handler);
  {
    const InterruptGuard guard;
    std::raise(SIGINT);
    EXPECT_EQ(g_own_handler_calls, 0);
  }
  std::raise(SIGINT);
  EXPECT_EQ(g_own_handler_calls, 1);
  std::signal(SIGINT, previous);
}

TEST(InterruptGuard, NestedGuardsSeeOneSignal) {
  const InterruptGuard outer;
  {
    const InterruptGuard inner;
    std::raise(SIGINT);
    EXPECT_TRUE(inner.interrupted());
  }
  EXPECT_TRUE(outer.interrupted());
}

TEST(InterruptGuard, LeavesIgnoredSignalsIgnored) {
  const auto previous = std::signal(SIGINT, SIG_IGN);
  {
    const InterruptGuard guard;
    std::raise(SIGINT);
    EXPECT_FALSE(guard.interrupted());
  }
  std::signal(SIGINT, previous);
}

TEST(InterruptGuard, InactiveOneChangesNothing) {
  g_own_handler_calls = 0;
  const auto previous = std::signal(SIGINT, own_handler);
  const InterruptGuard guard(false);
  std::raise(SIGINT);
  EXPECT_EQ(g_own_handler_calls, 1);
  EXPECT_FALSE(guard.interrupted());
  std::signal(SIGINT, previous);
}

void interrupt_twice() {
  const InterruptGuard guard;
  std::raise(SIGINT);
  std::raise(SIGINT);
  std::exit(0);
}

TEST(InterruptGuardDeathTest, SecondSignalKills) {
  EXPECT_EXIT(interrupt_twice(), testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace dlengine::test
