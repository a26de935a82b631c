// Operations that the lanes of a mask do together. The last lane to come does the work for all of them.
#include <fmt/format.h>

#include <bit>

#include "tests/emulator/kernels/block.h"
#include "tests/emulator/kernels/kernel_api.h"
#include "tests/emulator/kernels/running_kernel.h"
#include "tests/emulator/memory/accesses.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

namespace {

[[noreturn]] void refuse(const KernelThread& thread, const std::string& why) {
  report(kind::kWarp,
         fmt::format("{}: {} at {}", why, describe_thread(thread), describe_site(thread.call.site)));
  abandon_kernel();
}

// Calls f(lane's thread) for each lane of the mask.
template <typename F>
void for_lanes(const KernelThread& thread, uint32_t mask, F&& f) {
  for (; mask != 0; mask &= mask - 1) {
    f(running_block().thread(thread.number - thread.lane() + uint32_t(std::countr_zero(mask))));
  }
}

KernelThread& lane_of_warp(const KernelThread& thread, uint32_t lane) {
  return running_block().thread(thread.number - thread.lane() + lane);
}

void check_call(const KernelThread& thread, const Warp& warp) {
  const WarpCall& call = thread.call;
  if (!(call.mask >> thread.lane() & 1))
    refuse(thread, fmt::format("mask {:#x} does not have the lane itself", call.mask));
  if (const uint32_t missing = call.mask & warp.ended) {
    refuse(thread, fmt::format("mask {:#x} has lane {}, which ended or never was", call.mask,
                               std::countr_zero(missing)));
  }
  if (call.kind == WarpCall::Kind::shuffle && !(call.mask >> call.source & 1)) {
    refuse(thread, fmt::format("reads lane {}, which is not in mask {:#x}", call.source, call.mask));
  }
  if (const uint32_t present = call.mask & warp.waiting) {
    const KernelThread& other = lane_of_warp(thread, uint32_t(std::countr_zero(present)));
    if (other.call.mask != call.mask || other.call.site != call.site) {
      refuse(thread, fmt::format("meets {} at {}, mask {:#x}, with mask {:#x}", describe_thread(other),
                                 describe_site(other.call.site), other.call.mask, call.mask));
    }
  }
}

// All that the lanes did comes before all that they will do.
void synchronise(const KernelThread& thread, uint32_t mask) {
  const Moment now = ++history.now;
  LaneMoments all{};
  for_lanes(thread, mask, [&](const KernelThread& lane) {
    for (uint32_t i = 0; i < kWarpLanes; ++i) all[i] = std::max(all[i], (*lane.lanes)[i]);
  });
  for_lanes(thread, mask, [&](const KernelThread& lane) { all[lane.lane()] = now; });
  for_lanes(thread, mask, [&](KernelThread& lane) { *lane.lanes = all; });
}

void shuffle(const KernelThread& thread, uint32_t mask) {
  std::array<uint64_t, kWarpLanes> operands;
  for_lanes(thread, mask, [&](const KernelThread& lane) { operands[lane.lane()] = lane.call.value; });
  for_lanes(thread, mask, [&](KernelThread& lane) { lane.call.value = operands[lane.call.source]; });
}

void vote(const KernelThread& thread, uint32_t mask) {
  uint64_t votes = 0;
  for_lanes(thread, mask, [&](const KernelThread& lane) { votes |= lane.call.value << lane.lane(); });
  for_lanes(thread, mask, [&](KernelThread& lane) { lane.call.value = votes; });
}

void complete(const KernelThread& thread, Warp& warp) {
  const uint32_t mask = thread.call.mask;
  switch (thread.call.kind) {
    case WarpCall::Kind::sync: synchronise(thread, mask); break;
    case WarpCall::Kind::shuffle: shuffle(thread, mask); break;
    case WarpCall::Kind::vote: vote(thread, mask); break;
  }
  for_lanes(thread, mask & warp.waiting, [](KernelThread& lane) { lane.state = KernelThread::State::ready; });
  warp.waiting &= ~mask;
}

}  // namespace

uint64_t warp_call(const WarpCall& call) {
  KernelThread& thread = *running_thread;
  Warp& warp = running_block().warp_of(thread);
  thread.call = call;
  check_call(thread, warp);
  const uint32_t own = uint32_t{1} << thread.lane();
  if (((warp.waiting | own) & call.mask) == call.mask) {
    complete(thread, warp);
  } else {
    warp.waiting |= own;
    running_block().wait_as(KernelThread::State::in_warp_call);
  }
  return thread.call.value;
}

void note_ended_lane(const KernelThread& thread) {
  const Warp& warp = running_block().warp_of(thread);
  for_lanes(thread, warp.waiting, [&](const KernelThread& waiter) {
    if (!(waiter.call.mask >> thread.lane() & 1)) return;
    refuse(waiter,
           fmt::format("lane {} of mask {:#x} ended before it came", thread.lane(), waiter.call.mask));
  });
}

}  // namespace dlengine::emulator
