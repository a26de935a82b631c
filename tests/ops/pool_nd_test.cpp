// Pooling of series and volumes, into a given number of windows, with indices, and un-pooling.
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/pool.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

using Values = std::vector<NdArray>;
using Tensors = std::vector<Tensor>;

// The row of a maximum, whose gradient goes to one place, or of an average.
template <typename Op, typename Reference>
void check_pool(const std::string& name, const Input& x, double terms, Op op, Reference reference) {
  check_case({.name = name,
              .inputs = {x},
              .op = [&](const Tensors& in) { return op(in[0]); },
              .reference = [&](const Values& in) { return reference(in[0]); },
              .value = {.terms = x.distinct ? 0 : terms, .roundings = x.distinct ? 0.0 : 1.0},
              .gradient = {.terms = terms, .roundings = 2}});
}

NdArray shaped(NdArray x, const Shape& shape) {
  x.shape = shape;
  return x;
}

struct SeriesRow {
  const char* name;
  Shape x;
  Pool1dParams params;
};

const SeriesRow kSeries[] = {
    {"halves", {2, 3, 6}, {}},
    {"drops_the_last", {2, 2, 7}, {}},
    {"overlapping", {1, 3, 9}, {.kernel = 3, .stride = 2, .padding = 1}},
    {"not_counted", {2, 2, 8}, {.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}},
    {"one_element", {1, 1, 1}, {.kernel = 1}},
    {"no_samples", {0, 2, 4}, {}},
};

TEST(PoolNd, OfSeriesMatchesDouble) {
  for (const SeriesRow& row : kSeries) {
    const Pool1dParams p = row.params;
    const Pool2dParams same{.kernel = {1, p.kernel},
                            .stride = {1, p.stride == 0 ? p.kernel : p.stride},
                            .padding = {0, p.padding},
                            .count_include_pad = p.count_include_pad};
    const auto with = [&](auto pool) {
      return [&, pool](const NdArray& x) {
        const NdArray y = pool(shaped(x, {x.shape[0], x.shape[1], 1, x.shape[2]}), same);
        return shaped(y, {y.shape[0], y.shape[1], y.shape[3]});
      };
    };
    const auto terms = static_cast<double>(p.kernel);
    check_pool(
        row.name, {.shape = row.x, .distinct = true}, terms,
        [&](const Tensor& x) { return max_pool1d(x, p); }, with(reference::max_pool2d));
    check_pool(
        row.name, {.shape = row.x}, terms, [&](const Tensor& x) { return avg_pool1d(x, p); },
        with(reference::avg_pool2d));
  }
}

struct VolumesRow {
  const char* name;
  Shape x;
  Pool3dParams params;
};

const VolumesRow kVolumes[] = {
    {"halves", {2, 1, 4, 5, 6}, {}},
    {"overlapping", {1, 2, 5, 4, 5}, {.kernel = {3, 2, 3}, .stride = {2, 1, 2}, .padding = {1, 0, 1}}},
    {"not_counted", {1, 2, 4, 5, 3}, {.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}},
    {"depths_alone", {1, 1, 6, 2, 3}, {.kernel = {2, 1, 1}, .stride = {1, 1, 1}}},
    {"planes_alone", {1, 2, 2, 4, 4}, {.kernel = {1, 2, 2}}},
    {"one_element", {1, 1, 1, 1, 1}, {.kernel = 1}},
    {"no_samples", {0, 2, 4, 2, 2}, {}},
};

TEST(PoolNd, OfVolumesMatchesDouble) {
  for (const VolumesRow& row : kVolumes) {
    const Pool3dParams p = row.params;
    const auto terms = static_cast<double>(p.kernel.d * p.kernel.h * p.kernel.w);
    check_pool(
        row.name, {.shape = row.x, .distinct = true}, terms,
        [&](const Tensor& x) { return max_pool3d(x, p); },
        [&](const NdArray& x) { return reference::max_pool3d(x, p); });
    check_pool(
        row.name, {.shape = row.x}, terms, [&](const Tensor& x) { return avg_pool3d(x, p); },
        [&](const NdArray& x) { return reference::avg_pool3d(x, p); });
  }
}

TEST(PoolNd, GivesTheGradientToTheFirstOfEqualElementsInRowMajorOrder) {
  for (const Device device : devices()) {
    // The largest, 7, lies in depth 0 at row 1, column 0, and again in depth 1 at row 0, column 0.
    Tensor x = tensor({1, 2, 7, 3, 7, 0, 7, 7}).to(device).reshape({1, 1, 2, 2, 2});
    x.set_requires_grad();
    max_pool3d(x, {}).backward(full({1, 1, 1, 1, 1}, 5, DType::f32, device));
    expect_same(x.grad(), {0, 0, 5, 0, 0, 0, 0, 0});
  }
}

TEST(PoolNd, LetsNanThroughAndPaddingNeverWin) {
  for (const Device device : devices()) {
    const Tensor nan = tensor({1, 2, 3, NAN, 5, 6, 7, 8}).to(device).reshape({1, 1, 2, 2, 2});
    expect_same(max_pool3d(nan, {}), {NAN});
    const Tensor low = full({1, 1, 2, 2, 2}, -100, DType::f32, device);
    expect_same(max_pool3d(low, {.kernel = 2, .stride = 2, .padding = 1}), std::vector<double>(8, -100.0));
    expect_same(max_pool1d(tensor({1, NAN, 3}).to(device).reshape({1, 1, 3}), {.kernel = 3}), {NAN});
  }
}

TEST(AdaptivePool, MatchesDouble) {
  const std::pair<Shape, Size2> rows[] = {{{2, 2, 7, 5}, {3, 2}}, {{1, 2, 4, 6}, {2, 3}}, {{1, 2, 3, 2}, 4},
                                          {{2, 1, 5, 3}, 1},      {{1, 1, 1, 1}, 1},      {{0, 2, 4, 4}, 3}};
  for (const auto& [shape, size] : rows) {
    check_pool(
        "adaptive", {.shape = shape}, static_cast<double>(shape[2] * shape[3]),
        [s = size](const Tensor& x) { return adaptive_avg_pool2d(x, s); },
        [s = size](const NdArray& x) { return reference::adaptive_avg_pool2d(x, s); });
  }
}

TEST(PoolWithIndices, NamesTheFirstLargestPixel) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x =
          to_tensor(NdArray({1, 2, 2, 4}, {1, 7, 0, 0, 7, 7, 0, 0, 4, 3, 2, 1, 5, 6, 8, 9}), dtype, device);
      const auto [y, indices] = max_pool2d_with_indices(x, {});
      expect_same(y, {7, 0, 6, 9});
      expect_same(indices, {1, 2, 5, 7});
      EXPECT_EQ(name(indices.dtype()), "i64");
    }
    const Tensor nan = tensor({1, 9, NAN, NAN}).to(device).reshape({1, 1, 2, 2});
    expect_same(max_pool2d_with_indices(nan, {}).indices, {2});
    const Tensor padded = full({1, 1, 3, 3}, -5, DType::f32, device);
    expect_same(max_pool2d_with_indices(padded, {.kernel = 3, .stride = 2, .padding = 1}).indices,
                {0, 1, 3, 4});
    EXPECT_EQ(max_pool2d_with_indices(zeros({0, 2, 4, 4}, DType::f32, device), {}).indices.shape(),
              (Shape{0, 2, 2, 2}));
  }
}

TEST(PoolWithIndices, HasItsGradientAndTakesAnyLayout) {
  const Pool2dParams params{.kernel = 3, .stride = 2, .padding = 1};
  const OpCase row{.name = "max_pool2d_with_indices",
                   .inputs = {{.shape = {2, 3, 5, 6}, .distinct = true}},
                   .op = [&](const Tensors& in) { return max_pool2d_with_indices(in[0], params).y; },
                   .reference = [&](const Values& in) { return reference::max_pool2d(in[0], params); },
                   .value = {.terms = 0},
                   .gradient = {.terms = 9}};
  check_case(row);
  check_case(row, {.inputs = {Layout::channels_last}});
}

// Un-pooling as a sum over the places.
NdArray placed(const NdArray& x, const std::vector<int64_t>& places, Size2 size) {
  NdArray y({x.shape[0], x.shape[1], size.h, size.w});
  const int64_t pixels = x.shape[2] * x.shape[3];
  for (int64_t i = 0; i < x.numel(); ++i)
    y[i / pixels * size.h * size.w + places[static_cast<size_t>(i)]] += x[i];
  return y;
}

TEST(Unpool, PutsPixelsBackAndAddsThoseThatMeet) {
  const std::vector<int64_t> places = {0, 5, 7, 7, 3, 11, 2, 3};
  const OpCase row{.name = "max_unpool2d",
                   .inputs = {{.shape = {2, 1, 2, 2}}},
                   .op =
                       [&](const Tensors& in) {
                         const Tensor indices = from_vector(places, {2, 1, 2, 2}, in[0].device());
                         return max_unpool2d(in[0], indices, {3, 4});
                       },
                   .reference =
                       [&](const Values& in) {
                         return placed(in[0], places, {3, 4});
                       },
                   .value = {.terms = 2},
                   .gradient = {.terms = 1}};
  check_case(row);
}

TEST(Unpool, ReversesPoolingWithoutOverlap) {
  for (const Device device : devices()) {
    const Tensor x = tensor({5, 2, 1, 0, 3, 4, 9, 8}).to(device).reshape({1, 1, 2, 4});
    const auto [y, indices] = max_pool2d_with_indices(x, {});
    expect_same(max_unpool2d(y, indices, {2, 4}), {5, 0, 0, 0, 0, 0, 9, 0});
  }
}

TEST(PoolNd, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({1, 2, 4, 4}, DType::f32, device), y = x.reshape({1, 2, 4, 2, 2});
    expect_throw<ShapeError>([&] { max_pool1d(x, {}); }, {"max_pool1d: need x [N, C, L]", "[1, 2, 4, 4]"});
    expect_throw<ShapeError>([&] { avg_pool3d(x, {}); }, {"avg_pool3d: need x [N, C, D, H, W]"});
    expect_throw<ShapeError>(
        [&] {
          max_pool3d(y, {.kernel = {2, 3, 2}});
        },
        {"max_pool3d: a window of 2x3x2"});
    expect_throw<ValueError>([&] { avg_pool1d(x.flatten(2), {.kernel = 2, .padding = 2}); },
                             {"avg_pool1d: padding 2"});
    expect_throw<ValueError>([&] { max_pool3d(y, {.kernel = {1, 0, 1}}); }, {"max_pool3d: kernel 1x0x1"});
    expect_throw<DTypeError>([&] { max_pool3d(y.to(DType::i32), {}); }, {"max_pool3d", "i32"});
    expect_throw<ValueError>([&] { adaptive_avg_pool2d(x, {0, 2}); }, {"adaptive_avg_pool2d", "0x2"});
    expect_throw<ShapeError>([&] { adaptive_avg_pool2d(y, 2); },
                             {"adaptive_avg_pool2d: need x [N, C, H, W]"});
    expect_throw<ValueError>([&] { max_pool2d_with_indices(x, {.ending = Activation::relu}); },
                             {"max_pool2d_with_indices", "no ending"});
  }
}

TEST(Unpool, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({1, 2, 2, 2}, DType::f32, device),
                 indices = zeros({1, 2, 2, 2}, DType::i64, device);
    expect_throw<DTypeError>([&] { max_unpool2d(x, indices.to(DType::i32), 4); },
                             {"max_unpool2d", "i32, need i64"});
    expect_throw<ShapeError>([&] { max_unpool2d(x, indices.slice(1, 0, 1), 4); },
                             {"max_unpool2d", "[1, 1, 2, 2]"});
    expect_throw<ValueError>([&] { max_unpool2d(x, indices, {4, 0}); }, {"max_unpool2d", "4x0"});
    const Tensor outside = full({1, 2, 2, 2}, 16, DType::i64, device);
    expect_throw<ValueError>([&] { max_unpool2d(x, outside, 4).to_vector<float>(); },
                             {"max_unpool2d: index 16 at 0", "0 .. 15"});
  }
}

}  // namespace
}  // namespace dlengine::test
