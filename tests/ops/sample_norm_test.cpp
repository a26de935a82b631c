// Layer and group normalisation.
#include <algorithm>
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/norm.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

using Values = std::vector<NdArray>;
using Tensors = std::vector<Tensor>;

constexpr double kEps = 0.5;  // large, so that small groups have gradients of the size of 1

// y = standardized(x) * weight + bias, where weight and bias broadcast as `along`.
NdArray scaled(const NdArray& y, const Values& in, const Shape& along) {
  if (in.size() < 3) return y;
  const auto spread = [&](NdArray x) {
    x.shape = along;
    return x;
  };
  const NdArray product = reference::zip(y, spread(in[1]), [](double a, double b) { return a * b; });
  return reference::zip(product, spread(in[2]), [](double a, double b) { return a + b; });
}

OpCase norm_case(const std::string& name, const Shape& x, const Shape& parameters) {
  OpCase row{.name = name, .inputs = {{.shape = x, .repeatable = false}}, .op = {}, .reference = {}};
  if (!parameters.empty()) {
    row.inputs.push_back({.shape = parameters});
    row.inputs.push_back({.shape = parameters});
  }
  const auto terms = static_cast<double>(std::max<int64_t>(1, x.product()));
  row.value = {.terms = terms, .roundings = 2, .magnitude = 4};
  row.gradient = {.terms = terms, .roundings = 4, .magnitude = 4};
  return row;
}

Tensor given(const Tensors& in, size_t i) { return i < in.size() ? in[i] : Tensor(); }

OpCase layer_case(const std::string& name, const Shape& x, const Shape& normalized, bool affine = true) {
  OpCase row = norm_case(name, x, affine ? normalized : Shape());
  row.op = [=](const Tensors& in) { return layer_norm(in[0], normalized, given(in, 1), given(in, 2), kEps); };
  const int64_t rows = x.product() / std::max<int64_t>(1, normalized.product());
  row.reference = [=](const Values& in) {
    return scaled(reference::standardized(in[0], rows, kEps), in, normalized);
  };
  return row;
}

OpCase group_case(const std::string& name, const Shape& x, int64_t groups, bool affine = true) {
  OpCase row = norm_case(name, x, affine ? Shape{x[1]} : Shape());
  row.op = [=](const Tensors& in) { return group_norm(in[0], groups, given(in, 1), given(in, 2), kEps); };
  Shape along = Shape::filled(x.rank(), 1);
  along[1] = x[1];
  row.reference = [=](const Values& in) {
    return scaled(reference::standardized(in[0], x[0] * groups, kEps), in, along);
  };
  return row;
}

const OpCase kCases[] = {
    layer_case("layer_of_vectors", {4, 5}, {5}),
    layer_case("layer_of_one_vector", {7}, {7}),
    layer_case("layer_plain", {2, 3, 3}, {3}, false),
    layer_case("layer_of_images", {2, 3, 4, 2}, {3, 4, 2}),
    layer_case("layer_of_planes", {2, 3, 4, 2}, {4, 2}),
    layer_case("layer_of_one_value", {3, 1}, {1}),
    layer_case("layer_without_samples", {0, 4}, {4}),
    group_case("groups", {3, 6, 4, 3}, 2),
    group_case("groups_of_vectors", {2, 6}, 3),
    group_case("one_group", {2, 4, 3}, 1),
    group_case("each_channel", {2, 3, 3, 2}, 3),
    group_case("each_channel_plain", {2, 3, 2, 2, 2}, 3, false),
    group_case("groups_without_samples", {0, 4, 3}, 2),
};

class SampleNorms : public ::testing::TestWithParam<OpCase> {};
TEST_P(SampleNorms, ValueAndGradientMatchDouble) { check_case(GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, SampleNorms, ::testing::ValuesIn(kCases), case_name);

TEST(SampleNorm, TakesChannelsLastImages) {
  for (const OpCase& row :
       {layer_case("layer", {2, 6, 3, 4}, {6, 3, 4}), group_case("group", {2, 6, 3, 4}, 2)}) {
    check_case(row, {.inputs = {Layout::channels_last, Layout::contiguous, Layout::contiguous},
                     .cotangent = Layout::channels_last});
  }
}

TEST(SampleNorm, LetsNanThroughWithinItsSample) {
  for (const Device device : devices()) {
    const Tensor x = tensor({{1, NAN}, {1, 3}}).to(device);
    const auto y = layer_norm(x, {2}).to_vector<double>();
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    EXPECT_NEAR(y[2], -1, 1e-4);
    EXPECT_NEAR(y[3], 1, 1e-4);
  }
}

TEST(SampleNorm, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({2, 4, 3}, DType::f32, device);
    const auto f32 = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    expect_throw<ShapeError>([&] { layer_norm(x, {4}); },
                             {"layer_norm: the last axes of x must be [4]", "[2, 4, 3]"});
    expect_throw<ShapeError>([&] { layer_norm(x, {}); }, {"layer_norm"});
    expect_throw<ShapeError>([&] { layer_norm(x, {5, 2, 4, 3}); }, {"[5, 2, 4, 3]"});
    expect_throw<ShapeError>([&] { layer_norm(x, {3}, f32({4})); }, {"layer_norm: need weight [3]", "[4]"});
    expect_throw<ShapeError>([&] { layer_norm(x, {3}, {}, f32({1})); }, {"layer_norm: need bias [3]", "[1]"});
    expect_throw<ValueError>([&] { layer_norm(x, {3}, {}, {}, 0); }, {"layer_norm: need eps > 0"});
    expect_throw<ValueError>([&] { group_norm(x, 3); },
                             {"group_norm: need groups that divide", "[2, 4, 3]", "3"});
    expect_throw<ValueError>([&] { group_norm(x, 0); }, {"group_norm", "got 0"});
    expect_throw<ShapeError>([&] { group_norm(x, 2, f32({2})); }, {"group_norm: need weight [4]", "[2]"});
    expect_throw<ShapeError>([&] { group_norm(f32({4}), 1); }, {"group_norm: need x [N, C, ...]", "[4]"});
    expect_throw<ValueError>([&] { group_norm(f32({2, 4}), 4); }, {"group_norm: a group of one value"});
    expect_throw<DTypeError>([&] { group_norm(x.to(DType::i32), 2); }, {"group_norm", "i32"});
    expect_throw<DTypeError>([&] { layer_norm(x, {3}, f32({3}).to(DType::f64)); },
                             {"layer_norm", "f32", "f64"});
  }
}

}  // namespace
}  // namespace dlengine::test
