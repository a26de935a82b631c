// Fixed means and deviations as a layer.
#include "dlengine/layers/normalize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "dlengine/core/factory.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

using Floats = std::vector<float>;

TEST(Normalize, TakesOffTheMeanAndDividesByTheDeviation) {
  for (const Device device : devices()) {
    Normalize layer({1, 10}, {2, 0.5});
    layer.to(device);
    const Tensor x = from_vector(Floats{1, 2, 3, 10, 11, 9, 5, 0, 1, 8, 10.5, 10}, {2, 2, 3}).to(device);
    const Floats want = {0, 0.5, 1, 0, 2, -2, 2, -0.5, 0, -4, 1, 0};
    EXPECT_EQ(layer(x).to_vector<float>(), want);
    EXPECT_EQ(layer(x.reshape({2, 2, 1, 3, 1})).to_vector<float>(), want);
    EXPECT_EQ(layer(x.select(2, 0)).to_vector<float>(), (Floats{0, 0, 2, -4}));
    EXPECT_EQ(layer(empty({0, 2, 3}, DType::f32, device)).shape(), (Shape{0, 2, 3}));
  }
}

TEST(Normalize, GradientsMatchCentralDifferences) {
  for (const Device device : devices()) {
    Normalize layer({0.1, 0.2, 0.3}, {0.5, 1.5, 2});
    layer.to(DType::f64);
    layer.to(device);
    Tensor x = randn({2, 3, 2, 2}, 0, 1, DType::f64).to(device);
    x.set_requires_grad();
    EXPECT_TRUE(gradcheck(layer, x).passed);
  }
}

TEST(Normalize, IsSavedAndNotTrained) {
  Normalize layer({1, 2}, {3, 4}), other({0, 0}, {1, 1});
  EXPECT_TRUE(layer.parameters().empty());
  other.load_state(layer.state());
  EXPECT_EQ(other(tensor({{4, 10}})).to_vector<float>(), (Floats{1, 2}));
  EXPECT_EQ(other.description(), "2 channels");
}

TEST(Normalize, RefusesWhatDoesNotFit) {
  constexpr const char* kNeed = "Normalize: need a mean and a deviation above 0 for each channel";
  expect_throw<ValueError>([] { Normalize({}, {}); }, {kNeed, "got [] and []"});
  expect_throw<ValueError>([] { Normalize({1, 2}, {1}); }, {kNeed, "got [1, 2] and [1]"});
  expect_throw<ValueError>([] { Normalize({1}, {0}); }, {kNeed, "got [1] and [0]"});
  expect_throw<ShapeError>(
      [] {
        Normalize({1, 2}, {1, 1})(zeros({4, 3}));
      },
      {"Normalize: need x [N, 2, ...], got [4, 3]"});
  Normalize layer({1}, {1});
  layer(zeros({2, 1}));
  expect_throw<DTypeError>(
      [&] {
        layer(zeros({2, 1}, DType::f64));
      },
      {"Normalize: x is f64, but mean and std are f32"});
  Normalize fresh({1}, {1});
  expect_throw<DTypeError>([&] { fresh(zeros({2, 1}, DType::u8)); }, {"Normalize: need floating x, got u8"});
  EXPECT_EQ(fresh(zeros({2, 1})).dtype(), DType::f32);  // what was refused left nothing behind
  expect_throw<ValueError>([] { Normalize({NAN}, {1}); }, {kNeed, "got [nan] and [1]"});
  expect_throw<ShapeError>([] { Normalize({1}, {1})(zeros({1})); }, {"need x [N, 1, ...], got [1]"});
}

}  // namespace
}  // namespace dlengine::test
