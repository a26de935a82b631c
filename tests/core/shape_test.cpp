// Sizes, strides, broadcasting and output sizes.
#include "dlengine/core/shape.h"

#include <utility>

#include "dlengine/core/shape_rules.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

TEST(Dims, InsertsErasesAndMultiplies) {
  Dims dims = {2, 3, 4};
  EXPECT_EQ(dims.product(), 24);
  dims.insert(1, 7);
  EXPECT_EQ(to_string(dims), "[2, 7, 3, 4]");
  dims.erase(0);
  dims.push_back(9);
  EXPECT_EQ(to_string(dims), "[7, 3, 4, 9]");
  EXPECT_EQ(dims.back(), 9);
  EXPECT_EQ(Dims{}.product(), 1);
  EXPECT_EQ((Dims{5, 0, 3}).product(), 0);
  EXPECT_EQ(to_string(Dims{}), "[]");
  EXPECT_EQ(Dims::filled(3, 2), (Dims{2, 2, 2}));
}

TEST(Dims, CountAxesFromTheEndAndRefuseThoseThatAreNotThere) {
  Dims dims = {2, 3, 4};
  EXPECT_EQ(dims[-1], 4);
  EXPECT_EQ(dims[-3], 2);
  dims[-2] = 7;
  EXPECT_EQ(dims, (Dims{2, 7, 4}));
  expect_throw<ShapeError>([&] { dims[3] = 1; }, {"operator[]", "axis 3", "3 axes"});
  expect_throw<ShapeError>([&] { std::as_const(dims)[-4]; }, {"operator[]", "axis -4", "3 axes"});
  expect_throw<ShapeError>([] { Dims{}[0]; }, {"axis 0", "0 axes"});
  expect_throw<ShapeError>([] { Dims{}.back(); }, {"axis -1", "0 axes"});
  expect_throw<ShapeError>([&] { dims.erase(3); }, {"erase", "axis 3"});
  expect_throw<ShapeError>([&] { dims.insert(4, 1); }, {"insert", "axis 4", "0 .. 3"});
  expect_throw<ShapeError>([&] { dims.insert(-1, 1); }, {"insert", "axis -1", "0 .. 3"});
  dims.erase(-1);
  EXPECT_EQ(dims, (Dims{2, 7}));
}

TEST(Dims, CompareByRankAndValues) {
  EXPECT_EQ((Dims{2, 3}), (Dims{2, 3}));
  EXPECT_FALSE((Dims{2, 3}) == (Dims{2, 3, 1}));
  EXPECT_FALSE((Dims{2, 3}) == (Dims{3, 2}));
  Dims shrunk = {2, 3, 9};
  shrunk.erase(2);
  EXPECT_EQ(shrunk, (Dims{2, 3}));
}

TEST(Dims, HoldAtMostEightAxes) {
  Dims dims = Dims::filled(8, 1);
  expect_throw<ShapeError>([&] { dims.push_back(1); }, {"8"});
  expect_throw<ShapeError>([] { Dims({1, 2, 3, 4, 5, 6, 7, 8, 9}); }, {"8", "9"});
}

TEST(Strides, AreRowMajor) {
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (Strides{12, 4, 1}));
  EXPECT_EQ(contiguous_strides({}), Strides{});
  EXPECT_TRUE(is_contiguous({2, 3}, {3, 1}));
  EXPECT_FALSE(is_contiguous({2, 3}, {1, 2}));
  EXPECT_FALSE(is_contiguous({2, 3}, {6, 2}));
  EXPECT_TRUE(is_contiguous({2, 1, 3}, {3, 99, 1}));  // an axis of size 1 may have any stride
  EXPECT_TRUE(is_contiguous({2, 0}, {7, 7}));
  EXPECT_TRUE(is_contiguous({}, {}));
}

TEST(Strides, ChannelsLastAreThoseOfNhwc) {
  EXPECT_EQ(channels_last_strides({2, 3, 4, 5}), (Strides{60, 1, 15, 3}));
  EXPECT_TRUE(is_channels_last({2, 3, 4, 5}, {60, 1, 15, 3}));
  EXPECT_FALSE(is_channels_last({2, 3, 4, 5}, {60, 20, 5, 1}));
  EXPECT_FALSE(is_channels_last({2, 3, 4, 5}, {120, 1, 30, 6}));  // every second channel
  EXPECT_FALSE(is_channels_last({3, 4, 5}, {1, 15, 3}));          // not images
  EXPECT_TRUE(is_channels_last({2, 1, 4, 5}, contiguous_strides({2, 1, 4, 5})));
  EXPECT_TRUE(is_channels_last({2, 3, 1, 1}, contiguous_strides({2, 3, 1, 1})));
  EXPECT_TRUE(is_channels_last({2, 0, 4, 5}, contiguous_strides({2, 0, 4, 5})));
}

TEST(Strides, GiveTheOrderOfTheAxesInMemory) {
  EXPECT_EQ(axes_by_stride({60, 1, 15, 3}), (Dims{0, 2, 3, 1}));
  EXPECT_EQ(axes_by_stride({12, 4, 1}), (Dims{0, 1, 2}));
  EXPECT_EQ(axes_by_stride({1, 2, 6}), (Dims{2, 1, 0}));
  EXPECT_EQ(axes_by_stride({}), Dims());
}

TEST(Axis, CountsFromTheEndWhereNegative) {
  EXPECT_EQ(normalize_axis("op", 0, 3), 0);
  EXPECT_EQ(normalize_axis("op", -1, 3), 2);
  EXPECT_EQ(normalize_axis("op", -3, 3), 0);
  expect_throw<ShapeError>([] { normalize_axis("some_op", 3, 3); }, {"some_op", "3"});
  expect_throw<ShapeError>([] { normalize_axis("some_op", -4, 3); }, {"some_op", "-4"});
  expect_throw<ShapeError>([] { normalize_axis("some_op", 0, 0); }, {"some_op", "0"});
}

TEST(Broadcast, FollowsNumPy) {
  const struct {
    Shape a, b, result;
  } rows[] = {
      {{}, {}, {}},
      {{3}, {}, {3}},
      {{64, 3, 32, 10}, {32, 10}, {64, 3, 32, 10}},
      {{2, 1}, {1, 3}, {2, 3}},
      {{5, 1, 2}, {4, 1}, {5, 4, 2}},
      {{0}, {1}, {0}},
      {{0, 3}, {3}, {0, 3}},
      {{1}, {1, 1, 1}, {1, 1, 1}},
  };
  for (const auto& [a, b, result] : rows) {
    EXPECT_EQ(to_string(broadcast_shapes("op", a, b)), to_string(result));
    EXPECT_EQ(to_string(broadcast_shapes("op", b, a)), to_string(result));
  }
  expect_throw<ShapeError>([] { broadcast_shapes("some_op", {2, 3}, {2}); }, {"some_op", "[2, 3]", "[2]"});
  expect_throw<ShapeError>([] { broadcast_shapes("some_op", {0}, {2}); }, {"some_op", "[0]", "[2]"});
}

TEST(Broadcast, ReadsWithStrideZero) {
  EXPECT_EQ(broadcast_strides({3, 1}, {1, 1}, {2, 3, 4}), (Strides{0, 1, 0}));
  EXPECT_EQ(broadcast_strides({}, {}, {2, 3}), (Strides{0, 0}));
  EXPECT_EQ(broadcast_strides({2, 3}, {1, 2}, {2, 3}), (Strides{1, 2}));
}

// The number of places of a window, found by trying them.
int64_t places(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  int64_t count = 0;
  for (int64_t first = -padding; first + dilation * (kernel - 1) < size + padding; first += stride) ++count;
  return count;
}

TEST(Windows, AreCountedRight) {
  for (int64_t size = 1; size <= 9; ++size) {
    for (int64_t kernel = 1; kernel <= 5; ++kernel) {
      for (int64_t stride = 1; stride <= 3; ++stride) {
        for (int64_t padding = 0; padding <= 2; ++padding) {
          for (int64_t dilation = 1; dilation <= 3; ++dilation) {
            const int64_t count = window_count(size, kernel, stride, padding, dilation);
            EXPECT_EQ(std::max<int64_t>(count, 0), places(size, kernel, stride, padding, dilation));
          }
        }
      }
    }
  }
}

// The sizes that a convolution takes to n are those that its transpose gives of n, one for each
// output_padding.
TEST(Windows, AreUndoneByTransposition) {
  for (int64_t kernel = 1; kernel <= 4; ++kernel) {
    for (int64_t stride = 1; stride <= 3; ++stride) {
      for (int64_t padding = 0; padding <= 1; ++padding) {
        for (int64_t size = 2 * kernel; size <= 12; ++size) {
          const int64_t count = window_count(size, kernel, stride, padding, 2);
          if (count < 1) continue;
          const int64_t least = transposed_count(count, kernel, stride, padding, 2);
          EXPECT_TRUE(least <= size && size < least + stride) << kernel << ' ' << stride << ' ' << size;
          EXPECT_EQ(transposed_count(count, kernel, stride, padding, 2, size - least), size);
        }
      }
    }
  }
}

TEST(ShapeRules, GiveOutputSizes) {
  EXPECT_EQ(conv2d_shape({8, 3, 32, 30}, {16, 3, 3, 5}, {.stride = 2, .padding = {1, 2}}),
            (Shape{8, 16, 16, 15}));
  EXPECT_EQ(pool2d_shape("op", {8, 3, 7, 9}, checked_pool2d("op", {})), (Shape{8, 3, 3, 4}));
  EXPECT_EQ(conv1d_shape({8, 3, 32}, {16, 3, 5}, {.stride = 2, .padding = 2}), (Shape{8, 16, 16}));
  EXPECT_EQ(conv3d_shape({8, 4, 9, 32, 30}, {6, 2, 3, 3, 5}, {.stride = {1, 2, 2}, .groups = 2}),
            (Shape{8, 6, 7, 15, 13}));
  EXPECT_EQ(conv_transpose2d_shape({8, 3, 5, 4}, {3, 2, 3, 2}, {.stride = 2, .output_padding = {1, 0}}),
            (Shape{8, 2, 12, 8}));
  EXPECT_EQ(conv_transpose1d_shape({8, 3, 5}, {3, 2, 3}, {.padding = 1, .dilation = 2}), (Shape{8, 2, 7}));
  EXPECT_EQ(pool3d_shape("op", {8, 3, 7, 9, 4}, checked_pool3d("op", {})), (Shape{8, 3, 3, 4, 2}));
  EXPECT_EQ(pool1d_shape("op", {8, 3, 7}, checked_pool1d("op", {.kernel = 3})), (Shape{8, 3, 2}));
  EXPECT_EQ(interpolate_shape({8, 3, 7, 9}, {.scale_factor = 1.5}), (Shape{8, 3, 10, 13}));
  EXPECT_EQ(reduced_shape({2, 3, 4}, {0, 2}), (Shape{1, 3, 1}));
  EXPECT_EQ(matmul_shape({5, 1, 2, 3}, {4, 3, 6}), (Shape{5, 4, 2, 6}));
  EXPECT_EQ(checked_pool2d("op", {.kernel = {3, 2}}).stride, Size2(3, 2));
  EXPECT_EQ(by_x({3, 1, 2}), "3x1x2");
}

}  // namespace
}  // namespace dlengine::test
