// Maximum and average pooling.
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/pool.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

struct PoolRow {
  const char* name;
  Shape shape;
  Pool2dParams params = {};
  friend std::ostream& operator<<(std::ostream& out, const PoolRow& row) { return out << row.name; }
};

const PoolRow kPool[] = {
    {"two_by_two", {2, 3, 6, 4}},
    {"two_by_two_drops_last_pixels", {2, 3, 5, 7}},
    {"overlapping", {2, 3, 7, 5}, {.kernel = 3, .stride = 2}},
    {"padded", {2, 3, 7, 5}, {.kernel = 3, .stride = 2, .padding = 1}},
    {"padding_not_counted",
     {2, 3, 7, 5},
     {.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}},
    {"every_pixel", {1, 2, 5, 6}, {.kernel = 3, .stride = 1, .padding = 1}},
    {"not_square", {1, 2, 7, 9}, {.kernel = {2, 3}, .stride = {3, 1}, .padding = {1, 0}}},
    {"stride_beyond_kernel", {1, 2, 9, 9}, {.kernel = 2, .stride = 3}},
    {"one_by_one", {1, 2, 3, 3}, {.kernel = 1}},
    {"whole_image", {2, 3, 4, 3}, {.kernel = {4, 3}}},
    {"one_element", {1, 1, 1, 1}, {.kernel = 1}},
    {"many_channels", {1, 17, 3, 3}, {.kernel = 2, .stride = 1}},
    {"no_samples", {0, 3, 6, 4}},
    {"no_channels", {2, 0, 6, 4}},
};

class Pool : public ::testing::TestWithParam<PoolRow> {};

TEST_P(Pool, MaximumAndItsGradientMatchDouble) {
  const auto& [name, shape, params] = GetParam();
  check_case(
      {.name = name,
       .inputs = {{.shape = shape, .distinct = true}},
       .op = [p = params](const std::vector<Tensor>& in) { return max_pool2d(in[0], p); },
       .reference = [p = params](const std::vector<NdArray>& in) { return reference::max_pool2d(in[0], p); },
       .value = {.terms = 0},
       .gradient = {.terms = static_cast<double>(params.kernel.h * params.kernel.w)}});
}

TEST_P(Pool, AverageAndItsGradientMatchDouble) {
  const auto& [name, shape, params] = GetParam();
  const auto terms = static_cast<double>(params.kernel.h * params.kernel.w);
  check_case(
      {.name = name,
       .inputs = {{.shape = shape}},
       .op = [p = params](const std::vector<Tensor>& in) { return avg_pool2d(in[0], p); },
       .reference = [p = params](const std::vector<NdArray>& in) { return reference::avg_pool2d(in[0], p); },
       .value = {.terms = terms},
       .gradient = {.terms = terms}});
}

INSTANTIATE_TEST_SUITE_P(All, Pool, ::testing::ValuesIn(kPool),
                         [](const auto& test) { return test.param.name; });

TEST(GlobalAveragePool, MatchesDouble) {
  for (const Shape& shape : {Shape{2, 3, 5, 7}, Shape{1, 1, 1, 1}, Shape{3, 2, 1, 9}, Shape{0, 2, 3, 3}}) {
    const auto terms = static_cast<double>(shape[2] * shape[3]);
    check_case({.name = "global_avg_pool2d",
                .inputs = {{.shape = shape}},
                .op = [](const std::vector<Tensor>& in) { return global_avg_pool2d(in[0]); },
                .reference =
                    [](const std::vector<NdArray>& in) {
                      return reference::reduce(in[0], {2, 3}, true, reference::fold_mean);
                    },
                .value = {.terms = terms}});
  }
}

TEST(MaxPool, PaddingNeverWinsAndNanDoes) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x = full({1, 1, 2, 2}, -100, dtype, device);
      expect_same(max_pool2d(x, {.kernel = 2, .stride = 1, .padding = 1}), std::vector<double>(9, -100.0));
    }
    const Tensor low = full({1, 1, 2, 2}, -INFINITY, DType::f32, device);
    expect_same(max_pool2d(low, {.kernel = 2}), {-INFINITY});
    const Tensor nan = tensor({1, NAN, 3, 2}).to(device).reshape({1, 1, 2, 2});
    expect_same(max_pool2d(nan, {.kernel = 2}), {NAN});
  }
}

TEST(MaxPool, GivesTheGradientToTheFirstOfEqualPixels) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      for (const int64_t row_step :
           {2, 1}) {  // both give one row of windows; the first may have a loop of its own
        SCOPED_TRACE(name(dtype));
        Tensor x = to_tensor(NdArray({1, 1, 2, 4}, {1, 7, 0, 0, 7, 7, 0, 0}), dtype, device);
        x.set_requires_grad();
        max_pool2d(x, {.kernel = 2, .stride = {row_step, 2}})
            .backward(to_tensor(NdArray({1, 1, 1, 2}, {5, 3}), dtype, device));
        expect_same(x.grad(), {0, 5, 3, 0, 0, 0, 0, 0});
      }
    }
  }
}

TEST(MaxPool, AddsGradientsWhereWindowsOverlap) {
  for (const Device device : devices()) {
    Tensor x = tensor({0, 0, 9, 0, 0}).to(device).reshape({1, 1, 1, 5});
    x.set_requires_grad();
    max_pool2d(x, {.kernel = {1, 3}, .stride = {1, 1}}).backward(ones({1, 1, 1, 3}, DType::f32, device));
    expect_same(x.grad(), {0, 0, 3, 0, 0});
  }
}

TEST(Pool, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({1, 2, 4, 4}, DType::f32, device);
    expect_throw<ShapeError>([&] { max_pool2d(x.reshape({2, 4, 4}), {}); }, {"max_pool2d", "[2, 4, 4]"});
    expect_throw<ShapeError>([&] { avg_pool2d(x, {.kernel = 5}); }, {"avg_pool2d", "[1, 2, 4, 4]", "5"});
    expect_throw<ValueError>([&] { max_pool2d(x, {.kernel = 0}); }, {"max_pool2d", "kernel"});
    expect_throw<ValueError>([&] { max_pool2d(x, {.kernel = 2, .stride = -1}); }, {"max_pool2d", "stride"});
    expect_throw<ValueError>([&] { avg_pool2d(x, {.kernel = 2, .padding = 2}); }, {"avg_pool2d", "padding"});
    expect_throw<DTypeError>([&] { max_pool2d(x.to(DType::i32), {}); }, {"max_pool2d", "i32"});
    expect_throw<ShapeError>([&] { global_avg_pool2d(x.reshape({8, 4})); }, {"global_avg_pool2d", "[8, 4]"});
  }
}

}  // namespace
}  // namespace dlengine::test
