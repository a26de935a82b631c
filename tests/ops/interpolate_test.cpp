// Resizing of images.
#include "dlengine/core/ops/interpolate.h"

#include "dlengine/core/factory.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

constexpr auto kBilinear = InterpolateMode::bilinear;

struct Row {
  const char* name;
  Shape x;
  InterpolateParams params;
};

const Row kRows[] = {
    {"doubles", {2, 3, 3, 4}, {.scale_factor = 2}},
    {"to_a_size", {1, 2, 3, 7}, {.size = {5, 3}}},
    {"by_a_fraction", {1, 2, 4, 3}, {.scale_factor = 1.7}},
    {"halves", {1, 2, 5, 4}, {.scale_factor = 0.5}},
    {"nearest_one_pixel", {1, 1, 1, 1}, {.size = {3, 2}}},
    {"bilinear_doubles", {2, 3, 3, 4}, {.scale_factor = 2, .mode = kBilinear}},
    {"bilinear_to_a_size", {1, 2, 4, 5}, {.size = {7, 2}, .mode = kBilinear}},
    {"bilinear_by_a_fraction", {1, 2, 3, 5}, {.scale_factor = 1.5, .mode = kBilinear}},
    {"bilinear_halves", {1, 2, 4, 6}, {.scale_factor = 0.5, .mode = kBilinear}},
    {"corners", {1, 2, 4, 3}, {.size = {7, 5}, .mode = kBilinear, .align_corners = true}},
    {"corners_to_one_row", {1, 2, 3, 1}, {.size = {1, 4}, .mode = kBilinear, .align_corners = true}},
    {"bilinear_one_pixel", {1, 1, 1, 1}, {.size = 3, .mode = kBilinear}},
    {"no_samples", {0, 2, 3, 3}, {.scale_factor = 2, .mode = kBilinear}},
};

TEST(Interpolate, ValueAndGradientMatchDouble) {
  for (const Row& row : kRows) {
    const OpCase result{
        .name = row.name,
        .inputs = {{.shape = row.x}},
        .op = [&](const std::vector<Tensor>& in) { return interpolate(in[0], row.params); },
        .reference =
            [&](const std::vector<NdArray>& in) { return reference::interpolate(in[0], row.params); },
        .value = {.terms = 4},
        .gradient = {.terms = 16, .roundings = 2}};
    check_case(result);
    check_case(result, {.inputs = {Layout::channels_last}, .cotangent = Layout::channels_last});
  }
}

TEST(Interpolate, FollowsItsConventions) {
  for (const Device device : devices()) {
    const Tensor x = tensor({0, 10}).to(device).reshape({1, 1, 1, 2});
    const auto along = [&](const InterpolateParams& params) { return interpolate(x, params); };
    expect_same(along({.size = {1, 4}}), {0, 0, 10, 10});
    expect_same(along({.size = {1, 4}, .mode = kBilinear}), {0, 2.5, 7.5, 10});
    expect_same(along({.size = {1, 5}, .mode = kBilinear, .align_corners = true}), {0, 2.5, 5, 7.5, 10});
  }
}

TEST(Interpolate, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({1, 2, 4, 4}, DType::f32, device);
    expect_throw<ValueError>([&] { interpolate(x, InterpolateParams{}); },
                             {"interpolate: need either a size"});
    expect_throw<ValueError>([&] { interpolate(x, {.size = 3, .scale_factor = 2}); }, {"3x3 and 2"});
    expect_throw<ValueError>([&] { interpolate(x, {.size = {3, 0}}); }, {"3x0 and 0"});
    expect_throw<ValueError>([&] { interpolate(x, {.scale_factor = -1}); }, {"-1"});
    expect_throw<ValueError>([&] { interpolate(x, {.size = 3, .align_corners = true}); }, {"align_corners"});
    expect_throw<ShapeError>([&] { interpolate(x.flatten(2), {.size = 3}); }, {"[1, 2, 16]"});
    expect_throw<ShapeError>([&] { interpolate(x, {.scale_factor = 0.1}); }, {"nothing is left", "0.1"});
    expect_throw<DTypeError>([&] { interpolate(x.to(DType::u8), {.size = 3}); }, {"interpolate", "u8"});
  }
}

}  // namespace
}  // namespace dlengine::test
