// Small blocks: sizes, reuse, and objects that pass from thread to thread.
#include "dlengine/core/small_blocks.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "dlengine/core/factory.h"
#include "dlengine/core/tensor.h"

namespace dlengine::test {
namespace {

TEST(SmallBlocks, AreApartAlignedAndAsLargeAsAskedFor) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<unsigned char*, size_t>> blocks;
    for (size_t bytes = 1; bytes <= 2 * small_blocks::kMostBytes; bytes += 7) {
      auto* const block = static_cast<unsigned char*>(small_blocks::take(bytes));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignof(std::max_align_t), 0u);
      std::memset(block, int(bytes % 251), bytes);
      blocks.emplace_back(block, bytes);
    }
    for (const auto& [block, bytes] : blocks) {
      for (size_t i = 0; i < bytes; ++i) ASSERT_EQ(block[i], bytes % 251) << "byte " << i << " of " << bytes;
      small_blocks::give_back(block, bytes);
    }
  }
}

TEST(SmallBlocks, MoreThanAThreadKeepsAreNoLess) {
  std::set<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.insert(small_blocks::take(100));
  EXPECT_EQ(blocks.size(), 1000u);
  for (void* block : blocks) small_blocks::give_back(block, 100);
  std::set<void*> again;
  for (int i = 0; i < 1000; ++i) again.insert(small_blocks::take(100));
  EXPECT_EQ(again.size(), 1000u);
  for (void* block : again) small_blocks::give_back(block, 100);
}

TEST(SmallBlocks, TensorsMayBeFreedByOtherThreads) {
  for (int round = 0; round < 20; ++round) {
    std::vector<Tensor> made;
    for (int i = 0; i < 300; ++i) made.push_back(full({3}, i));
    std::vector<Tensor> theirs;
    std::thread other([&, mine = std::move(made)]() mutable {
      for (int i = 0; i < 300; ++i) theirs.push_back(full({3}, mine[size_t(i)].to_vector<double>()[2] + 1));
      mine.clear();
    });
    other.join();
    for (int i = 0; i < 300; ++i) EXPECT_EQ(theirs[size_t(i)].to_vector<int32_t>()[0], i + 1);
  }
}

/// Freed when its thread ends, before or after what the thread keeps.
thread_local Tensor last_of_thread;

TEST(SmallBlocks, TensorsMayOutliveWhatAThreadKeeps) {
  for (const bool first : {true, false}) {
    std::thread([first] {
      if (first) last_of_thread = ones({5});
      zeros({5});
      if (!first) last_of_thread = ones({5});
    }).join();
  }
}

}  // namespace
}  // namespace dlengine::test
