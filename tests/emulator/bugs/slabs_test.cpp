// Where allocations lie, in a ring that is small enough to come round.
#include "tests/emulator/memory/slabs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace dlengine::emulator::test {
namespace {

constexpr size_t kSlab = Slabs::kBytes;

class SlabsTest : public testing::Test {
 protected:
  size_t take(size_t bytes) {
    return slabs_.take(bytes, [&](Span span) {
      for (size_t at = span.begin; at < span.begin + span.bytes; at += kSlab) released_.erase(at / kSlab);
    });
  }

  std::set<size_t> released_;  // numbers of slabs, until they are used again
  Slabs slabs_{4, [this](Span span) {
                 for (size_t at = span.begin; at < span.begin + span.bytes; at += kSlab)
                   EXPECT_TRUE(released_.insert(at / kSlab).second) << at / kSlab;
               }};
};

TEST_F(SlabsTest, SmallPiecesShareASlab) {
  EXPECT_EQ(take(512), 0u);
  EXPECT_EQ(take(1024), 512u);
  slabs_.give_back({0, 512});
  EXPECT_EQ(take(512), 1536u) << "behind the last, although there is a hole";
  EXPECT_TRUE(released_.empty());
}

TEST_F(SlabsTest, SlabsWithoutPiecesAreReleasedAndComeBackLast) {
  EXPECT_EQ(take(2 * kSlab), 0u);
  slabs_.give_back({0, 2 * kSlab});
  EXPECT_THAT(released_, testing::ElementsAre(0)) << "the last slab may take more pieces";
  EXPECT_EQ(take(kSlab), 2 * kSlab);
  EXPECT_THAT(released_, testing::ElementsAre(0, 1));
  EXPECT_EQ(take(kSlab), 3 * kSlab);
  EXPECT_EQ(take(kSlab), 0u);
  EXPECT_THAT(released_, testing::ElementsAre(1));
}

TEST_F(SlabsTest, ALargePieceEndsInASlabThatOthersShare) {
  EXPECT_EQ(take(kSlab + 512), 0u);
  EXPECT_EQ(take(512), kSlab + 512);
  EXPECT_EQ(take(kSlab), 2 * kSlab);
  slabs_.give_back({0, kSlab + 512});
  EXPECT_THAT(released_, testing::ElementsAre(0));
  slabs_.give_back({kSlab + 512, 512});
  EXPECT_THAT(released_, testing::ElementsAre(0, 1));
}

TEST_F(SlabsTest, APieceDoesNotGoAcrossTheEnd) {
  EXPECT_EQ(take(kSlab), 0u);
  EXPECT_EQ(take(2 * kSlab), kSlab);
  slabs_.give_back({0, kSlab});
  EXPECT_EQ(take(2 * kSlab), Slabs::kNone) << "slabs 3 and 0 are free, but not neighbours";
  EXPECT_EQ(take(kSlab), 3 * kSlab);
  EXPECT_EQ(take(5 * kSlab), Slabs::kNone);
}

}  // namespace
}  // namespace dlengine::emulator::test
