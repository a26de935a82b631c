// The walk over tensors of one shape and any strides.
#include "dlengine/kernels/strided.h"

#include "dlengine/core/factory.h"
#include "dlengine/core/image_layout.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

constexpr auto kChannelsLast = ImageLayout::channels_last;

Tensor images(ImageLayout layout) { return empty({2, 3, 4, 5}, DType::f32, kCpu, layout); }

TEST(StridedWalk, JoinsAxesThatAreDenseInAllTensors) {
  const Tensor x = empty({2, 3, 4}), slice = empty({2, 5, 4}).slice(1, 0, 3);
  EXPECT_TRUE(StridedWalk<2>({&x, &x}).is_flat());
  const StridedWalk<2> walk({&x, &slice});
  EXPECT_EQ(walk.rank, 2);
  EXPECT_EQ(walk.size[1], 12);
  EXPECT_EQ(walk.stride[1][0], 20);
}

TEST(StridedWalk, InMemoryOrderIsFlatWhereAllTensorsAreDenseInOneOrder) {
  const Tensor x = images(kChannelsLast), y = images(kChannelsLast),
               transposed = empty({4, 3}).transpose(0, 1);
  EXPECT_TRUE((StridedWalk<2>({&y, &x}, WalkOrder::memory).is_flat()));
  EXPECT_FALSE((StridedWalk<2>({&y, &x}).is_flat()));
  EXPECT_TRUE((StridedWalk<1>({&transposed}, WalkOrder::memory).is_flat()));
}

TEST(StridedWalk, FollowsTheFirstTensorsMemoryThroughTheOthers) {
  const Tensor y = images(kChannelsLast), x = images(ImageLayout::row_major);
  const StridedWalk<2> walk({&y, &x}, WalkOrder::memory);
  for (int64_t i = 0; i < walk.count; ++i) {
    int64_t at[2];
    walk.offsets(i, at);
    const int64_t c = i % 3, pixel = i / 3 % 20, image = i / 60;
    ASSERT_EQ(at[0], i);
    ASSERT_EQ(at[1], image * 60 + c * 20 + pixel);
  }
}

TEST(StridedWalk, InRowMajorOrderFollowsTheShape) {
  const Tensor x = images(kChannelsLast);
  const StridedWalk<1> walk({&x});
  int64_t at[1];
  walk.offsets(1, at);  // the next pixel of the first channel
  EXPECT_EQ(at[0], 3);
}

}  // namespace
}  // namespace dlengine::test
