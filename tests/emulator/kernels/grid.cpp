// See grid.h.
#include "tests/emulator/kernels/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

#include "tests/emulator/kernels/block.h"
#include "tests/emulator/kernels/kernel_api.h"
#include "tests/emulator/kernels/running_kernel.h"
#include "tests/emulator/kernels/shared_memory.h"
#include "tests/emulator/kernels/thread_order.h"
#include "tests/emulator/memory/accesses.h"
#include "tests/emulator/memory/faults.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/device_limits.h"
#include "tests/emulator/runtime/kernel_attributes.h"

namespace dlengine::emulator {

namespace {

struct BlockBeginning {
  Moment first;
  uint64_t block;
};

struct Grid {
  Schedule schedule = Schedule::forward;
  std::mt19937_64 random;
  std::string_view kernel;
  LaunchShape shape;
  uint3 block{};  // the running one
  std::vector<BlockBeginning> beginnings;
};

Grid& grid() {
  static Grid& all = *new Grid;  // used until the very end of the process
  return all;
}

// DLENGINE_LAUNCH has kernels with commas in their names between parentheses.
std::string_view plain_name(std::string_view text) {
  const bool enclosed = text.starts_with('(') && text.ends_with(')');
  return enclosed ? text.substr(1, text.size() - 2) : text;
}

uint64_t volume(dim3 size) { return uint64_t{size.x} * size.y * size.z; }

uint3 position(uint64_t number, dim3 size) {
  return {unsigned(number % size.x), unsigned(number / size.x % size.y), unsigned(number / size.x / size.y)};
}

// Alone where the other two sizes are 1.
std::string describe(uint3 index, dim3 size) {
  if (size.y == 1 && size.z == 1) return fmt::format("{}", index.x);
  return fmt::format("({}, {}, {})", index.x, index.y, index.z);
}

std::string describe(dim3 size) { return fmt::format("({}, {}, {})", size.x, size.y, size.z); }

// Empty if the device can do it.
std::string objection_to(const LaunchShape& shape) {
  const dim3 block = shape.block;
  if (volume(shape.grid) == 0 || volume(block) == 0) return "nothing to do";
  if (volume(block) > kThreadsPerBlock || block.z > kBlockZ) return "the block is too large";
  if (shape.grid.x > unsigned(kGridX) || shape.grid.y > kGridYZ || shape.grid.z > kGridYZ)
    return "the grid is too large";
  return {};
}

// Does f(block's number) for all blocks in the schedule's order, until one returns false.
template <typename F>
void for_blocks(uint64_t count, F&& f) {
  Grid& all = grid();
  if (all.schedule != Schedule::shuffled) {
    const bool forward = all.schedule == Schedule::forward;
    for (uint64_t i = 0; i < count; ++i) {
      if (!f(forward ? i : count - 1 - i)) return;
    }
    return;
  }
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), all.random);
  (void)std::all_of(order.begin(), order.end(), f);
}

}  // namespace

cudaError_t check_launch(const KernelName& kernel, const LaunchShape& shape) {
  const auto complain = [&](cudaError_t status, const std::string& why) {
    return refuse(status, kind::kLaunch,
                  fmt::format("{}: {}: grid {}, block {}, {} bytes of shared memory", plain_name(kernel.text),
                              why, describe(shape.grid), describe(shape.block), shape.dynamic_shared));
  };
  if (const std::string objection = objection_to(shape); !objection.empty()) {
    return complain(cudaErrorInvalidConfiguration, objection);
  }
  if (shape.dynamic_shared > dynamic_shared_limit(kernel.address)) {
    return complain(cudaErrorInvalidValue, "too much dynamic shared memory");
  }
  return cudaSuccess;
}

cudaError_t launch_kernel(const KernelName& kernel, const LaunchShape& shape, cudaStream_t stream,
                          std::function<void()> work) {
  return runtime_call("cudaLaunchKernel", [&] {
    const cudaError_t error = check_launch(kernel, shape);
    return error != cudaSuccess ? error
                                : enqueue(stream, std::string(plain_name(kernel.text)), std::move(work),
                                          OperationKind::kernel);
  });
}

void run_grid(const char* kernel, const LaunchShape& shape, ThreadBody body, const Arguments& arguments) {
  Grid& all = grid();
  all.kernel = plain_name(kernel);
  all.shape = shape;
  all.beginnings.clear();
  provide_signal_stack();
  enter_operation();
  set_kernel_arguments(arguments.data, arguments.bytes);
  begin_shared_memory(shape.dynamic_shared);
  begin_kernel_order();
  Block& block = running_block();
  block.prepare(shape.block, body, arguments.data);
  for_blocks(volume(shape.grid), [&](uint64_t number) {
    all.block = position(number, shape.grid);
    all.beginnings.push_back({history.now + 1, number});
    return block.run(all.schedule, all.random);
  });
}

void set_schedule(Schedule schedule, uint64_t seed) {
  grid().schedule = schedule;
  grid().random.seed(seed);
}

[[noreturn]] void abandon_kernel() { running_block().abandon(); }

std::string describe_thread(const KernelThread& thread) {
  const Grid& all = grid();
  return fmt::format("thread {} of block {} of {}", describe(thread.index, all.shape.block),
                     describe(all.block, all.shape.grid), all.kernel);
}

std::string describe_thread_at(Moment moment, uint32_t thread) {
  const Grid& all = grid();
  const auto after =
      std::upper_bound(all.beginnings.begin(), all.beginnings.end(), moment,
                       [](Moment value, const BlockBeginning& entry) { return value < entry.first; });
  const uint3 block = position(std::prev(after)->block, all.shape.grid);
  return fmt::format("thread {} of block {}", describe(position(thread, all.shape.block), all.shape.block),
                     describe(block, all.shape.grid));
}

std::string describe_site(const Site& site) {
  const std::string_view path = site.file;
  return fmt::format("{} ({}:{})", site.function, path.substr(path.rfind('/') + 1), site.line);
}

uint3 thread_index() noexcept { return running_thread->index; }
uint3 block_index() noexcept { return grid().block; }
dim3 block_size() noexcept { return grid().shape.block; }
dim3 grid_size() noexcept { return grid().shape.grid; }

uint32_t lane_number() noexcept { return running_thread->lane(); }

unsigned wait_at_barrier(bool predicate, const Site& site) {
  return running_block().wait_at_barrier(predicate, site);
}
void memory_fence() { note_fence(*running_thread); }

}  // namespace dlengine::emulator
