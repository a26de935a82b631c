// Who touched a word of device memory and when, in 64 bits.
#pragma once

#include <cstdint>

namespace dlengine::emulator {

/// Counts what orders accesses: the starts of operations and of blocks, barriers, warp synchronisations and
/// fences. It never goes back, so a moment tells its operation and its block.
using Moment = uint64_t;

/// Who touched a word in no certain order.
enum class Crowd : uint8_t { one_thread, one_warp, one_block, several_blocks };

/// The last toucher of a word: a thread at a moment. Where several operations touched it in no certain order,
/// the number of a set of operations stands in place of thread and moment. All zero: nobody.
struct Stamp {
  uint64_t bits = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;

  static constexpr int kInitialisedShift = 4, kThreadShift = 11, kMomentShift = 21;
  static constexpr uint64_t kAtomic = 1 << 8, kSet = uint64_t{1} << 63;

  static constexpr Stamp of(Moment moment, uint32_t thread) {
    return {moment << kMomentShift | uint64_t{thread} << kThreadShift};
  }
  static constexpr Stamp of_set(uint64_t number) { return {kSet | number << kThreadShift}; }

  /// Those of the word's four bytes that were touched, bit 0 the first.
  constexpr unsigned bytes() const { return bits & 15; }
  /// Bytes that were ever written; kept in stamps of writes.
  constexpr unsigned initialised() const { return bits >> kInitialisedShift & 15; }
  constexpr bool is_atomic() const { return bits & kAtomic; }
  constexpr Crowd crowd() const { return Crowd(bits >> 9 & 3); }
  constexpr bool is_set() const { return bits & kSet; }
  constexpr uint64_t set_number() const { return (bits & ~kSet) >> kThreadShift; }
  constexpr uint32_t thread() const { return bits >> kThreadShift & 1023; }
  constexpr Moment moment() const { return bits >> kMomentShift; }
  /// Equal for two touches of one thread at one moment.
  constexpr uint64_t identity() const { return bits >> kThreadShift; }

  constexpr Stamp with(Crowd crowd) const { return {bits | uint64_t(crowd) << 9}; }
  constexpr Stamp with_bytes(unsigned mask) const { return {bits | mask}; }
};

inline constexpr uint32_t kWarpLanes = 32;

}  // namespace dlengine::emulator
