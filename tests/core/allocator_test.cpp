// Host memory: reuse, counters, alignment, and the message when there is not enough.
#include "dlengine/core/allocator.h"

#include <cstdint>
#include <thread>

#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TEST(HostAllocator, GivesAFreedBlockAgain) {
  HostAllocator allocator;
  void* first = allocator.allocate(5000);
  allocator.deallocate(first);
  EXPECT_EQ(allocator.allocate(5000), first);
  EXPECT_EQ(allocator.stats().allocations, 2);
  allocator.deallocate(first);
}

TEST(HostAllocator, GivesALargeFreedBlockForALittleLess) {
  constexpr size_t kMiB = size_t{1} << 20;
  HostAllocator allocator;
  void* const large = allocator.allocate(6 * kMiB);
  void* const larger = allocator.allocate(8 * kMiB);
  allocator.deallocate(larger);
  allocator.deallocate(large);
  void* const half = allocator.allocate(3 * kMiB);
  EXPECT_EQ(half, large);  // the smallest that will do
  EXPECT_EQ(allocator.stats().in_use, 6 * int64_t(kMiB));
  EXPECT_EQ(allocator.allocate(6 * kMiB), larger);
  EXPECT_EQ(allocator.stats().reserved, 14 * int64_t(kMiB));
  allocator.deallocate(half);
  EXPECT_NE(allocator.allocate(kMiB), large);  // would waste too much
  EXPECT_EQ(allocator.allocate(6 * kMiB), large);
}

TEST(HostAllocator, GivesSmallBlocksForTheirSizeOnly) {
  HostAllocator allocator;
  void* const small = allocator.allocate(5000);
  allocator.deallocate(small);
  EXPECT_NE(allocator.allocate(4000), small);
  EXPECT_EQ(allocator.allocate(5000), small);
}

TEST(HostAllocator, CountsBytes) {
  HostAllocator allocator;
  void* a = allocator.allocate(1000);
  const int64_t one = allocator.stats().in_use;
  EXPECT_GE(one, 1000);
  EXPECT_LT(one, 1200);
  void* b = allocator.allocate(1000);
  EXPECT_EQ(allocator.stats().in_use, 2 * one);
  allocator.deallocate(a);
  EXPECT_EQ(allocator.stats().in_use, one);
  EXPECT_EQ(allocator.stats().peak, 2 * one);
  EXPECT_EQ(allocator.stats().reserved, 2 * one);
  allocator.reset_peak();
  EXPECT_EQ(allocator.stats().peak, one);
  allocator.trim();
  EXPECT_EQ(allocator.stats().reserved, one);
  allocator.deallocate(b);
  EXPECT_EQ(allocator.stats().in_use, 0);
}

TEST(HostAllocator, AlignsToCacheLines) {
  HostAllocator allocator;
  for (const size_t bytes : {size_t{1}, size_t{63}, size_t{65}, size_t{4097}, size_t{3} << 20}) {
    void* block = allocator.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0U) << bytes;
    static_cast<char*>(block)[bytes - 1] = 1;
    allocator.deallocate(block);
  }
  EXPECT_EQ(allocator.allocate(0), nullptr);
  allocator.deallocate(nullptr);
}

TEST(HostAllocator, SaysWhatWasAskedForWhenThereIsNotEnough) {
  HostAllocator allocator;
  void* held = allocator.allocate(1 << 20);
  expect_throw<OutOfMemoryError>([&] { allocator.allocate(size_t{1} << 60); },
                                 {"memory", std::to_string(size_t{1} << 60), "in use"});
  EXPECT_GE(allocator.stats().in_use, 1 << 20);  // and goes on working
  allocator.deallocate(held);
}

TEST(HostAllocator, ServesSeveralThreads) {
  HostAllocator allocator;
  const auto work = [&] {
    for (int i = 0; i < 2000; ++i) {
      void* block = allocator.allocate(static_cast<size_t>(i % 7 * 100 + 1));
      static_cast<char*>(block)[0] = 1;
      allocator.deallocate(block);
    }
  };
  std::thread a(work), b(work);
  a.join();
  b.join();
  EXPECT_EQ(allocator.stats().in_use, 0);
  EXPECT_EQ(allocator.stats().allocations, 4000);
}

TEST(Memory, OfTensorsIsGivenBackAndReused) {
  for (const Device device : devices()) {
    Allocator& allocator = backend_for(device).allocator(device.index);
    const int64_t before = allocator.stats().in_use;
    {
      const Tensor x = zeros({1000}, DType::f32, device);
      const Tensor view = x.slice(0, 10);  // shares the memory
      EXPECT_GE(allocator.stats().in_use, before + 4000);
      EXPECT_LT(allocator.stats().in_use, before + 8000);
    }
    EXPECT_EQ(allocator.stats().in_use, before);
  }
}

TEST(Memory, TooLargeTensorsAreRefusedWithTheirSize) {
  for (const Device device : devices()) {
    const int64_t large = int64_t{1} << 58;
    EXPECT_THROW(empty({large}, DType::f32, device), OutOfMemoryError);
    expect_throw<OutOfMemoryError>(
        [&] {
          empty({large, 1000}, DType::f32, device);
        },
        {"memory", std::to_string(large)});
  }
}

}  // namespace
}  // namespace dlengine::test
