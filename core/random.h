// Sources of random numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "dlengine/core/philox.h"

namespace dlengine {

/// Gives every random operation a stream of its own. State: the seed and how many streams were taken, so it
/// is saved and restored with two numbers.
class Generator {
 public:
  struct State {
    uint64_t seed = 0;
    uint64_t next_stream = 0;
    friend bool operator==(const State&, const State&) = default;
  };

  explicit Generator(uint64_t seed = 0) : state_{seed, 0} {}

  /// Starts again from the given seed.
  void seed(uint64_t value) { state_ = {value, 0}; }
  /// The key of the next random operation.
  PhiloxKey next_key();
  State state() const { return state_; }
  void set_state(State state) { state_ = state; }

  /// A random order of 0 .. n-1 (Fisher and Yates).
  std::vector<int64_t> permutation(int64_t n);

 private:
  State state_;
};

/// The generator of this thread: what random operations use when none is given.
Generator& default_generator();

/// Seeds the default generator of this thread alone; that of every new thread begins with seed 0.
void manual_seed(uint64_t seed);

}  // namespace dlengine
