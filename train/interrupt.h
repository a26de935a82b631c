// Ctrl-C as a request to stop at the next good moment.
#pragma once

namespace dlengine {

/// While one lives, the first Ctrl-C (SIGINT) is only noted, and a second one ends the program as usual.
/// Afterwards SIGINT does what it did before. Where SIGINT is ignored, as under nohup, it stays ignored.
/// Guards may nest and may live on several threads: all of them see the same Ctrl-C.
class InterruptGuard {
 public:
  /// active = false makes a guard that does nothing.
  explicit InterruptGuard(bool active = true);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// True once Ctrl-C was pressed.
  bool interrupted() const;

 private:
  bool active_;
};

}  // namespace dlengine
