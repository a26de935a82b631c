// Detours around layers.
#include "dlengine/layers/residual.h"

#include <gtest/gtest.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

Residual block(int64_t channels, int64_t stride) {
  Residual block{Conv2d({.out_channels = channels, .kernel = 3, .stride = stride, .padding = 1}),
                 BatchNorm2d(), ReLU(), Conv2d({.out_channels = channels, .kernel = 3, .padding = 1}),
                 BatchNorm2d()};
  if (stride > 1) {
    block.shortcut(Conv2d({.out_channels = channels, .kernel = 1, .stride = stride, .bias = false}),
                   BatchNorm2d());
  }
  return block;
}

TEST(Residual, AddsWhatTheLayersMake) {
  for (const Device device : devices()) {
    Residual twice{ReLU()};
    const Tensor x = from_vector<float>({-1, 2}, {1, 2}, device);
    expect_same(twice(x), {-1, 4});
    Residual apart = Residual{ReLU()}.shortcut(Tanh(), Flatten());
    expect_same(apart(zeros({1, 2}, DType::f32, device)), {0, 0});
    EXPECT_EQ(Residual()(x).to_vector<float>(), (std::vector<float>{-2, 4}));  // no layers give x itself
  }
}

TEST(Residual, NamesItsPartsAndIsCounted) {
  Sequential net{block(4, 1), block(8, 2), GlobalAvgPool2d(), Flatten()};
  net.infer_shapes({2, 4, 6, 6});
  const NamedTensors state = net.state();
  EXPECT_EQ(state[0].first, "0.body.0.weight");
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) names.push_back(name);
  EXPECT_NE(std::find(names.begin(), names.end(), "1.shortcut.0.weight"), names.end());
  EXPECT_NE(std::find(names.begin(), names.end(), "1.shortcut.1.running_var"), names.end());
  const std::vector<SummaryRow> rows = summary_rows(net, {2, 4, 6, 6});
  EXPECT_EQ(rows[0].path, "0.body.0");
  EXPECT_EQ(rows.back().output, (Shape{2, 8}));
  EXPECT_FALSE(net.first_not_replayable());
}

TEST(Residual, GradientsMatchCentralDifferences) {
  for (const Device device : devices()) {
    Residual plain{Linear({.out_features = 3}), Tanh(), Linear({.out_features = 3})};
    plain.to(device);
    const Tensor x = randn({2, 3}, 0, 1, DType::f64, device).set_requires_grad();
    EXPECT_TRUE(gradcheck(plain, x).passed);
    Residual projected =
        Residual{Linear({.out_features = 2}), Tanh()}.shortcut(Linear({.out_features = 2, .bias = false}));
    projected.to(device);
    EXPECT_TRUE(gradcheck(projected, x).passed);
  }
}

TEST(Residual, NormsAreFolded) {
  Sequential net{block(4, 1), ReLU(), block(6, 2)};
  net.infer_shapes({2, 4, 6, 6});
  manual_seed(9);
  const Tensor x = randn({3, 4, 6, 6});
  for (int step = 0; step < 3; ++step) net(x);  // moves the running statistics
  net.eval();
  const NoGrad no_grad;
  const NdArray want = to_ndarray(net(x));
  const FoldedNorms folded(net);
  EXPECT_EQ(folded.size(), 5u);
  const FoldedNorms::Use use(folded);
  expect_close(net(x), want, tolerance(DType::f32, {.terms = 60, .roundings = 8, .magnitude = 2}));
}

TEST(Residual, TeachesWhichShapesCanBeAdded) {
  Residual narrow{Linear({.out_features = 2})};
  expect_throw<ShapeError>(
      [&] {
        narrow(zeros({4, 3}));
      },
      {"Residual: residual: the layers make [4, 2] of x [4, 3]", "shortcut(...)"});
  // Nothing is broadcast.
  Residual one{Linear({.out_features = 1})};
  expect_throw<ShapeError>([&] { one(zeros({4, 3})); }, {"[4, 1] of x [4, 3]"});
  Residual apart = Residual{Linear({.out_features = 2})}.shortcut(Linear({.out_features = 5}));
  expect_throw<ShapeError>(
      [&] {
        apart(zeros({4, 3}));
      },
      {"of x [4, 3] the layers make [4, 2] and the shortcut [4, 5]"});
}

}  // namespace
}  // namespace dlengine::test
