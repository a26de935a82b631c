// The table of layers.
#include <gtest/gtest.h>

#include "dlengine/core/ops/elementwise.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

Sequential cnn() {
  Sequential net;
  net.add("conv1", Conv2d({.out_channels = 32, .kernel = 3}))
      .add("pool", MaxPool2d({.kernel = 2}))
      .add("conv2", Conv2d({.out_channels = 64, .kernel = 3, .groups = 2}))
      .add("flatten", Flatten())
      .add("fc", Linear({.out_features = 10}));
  return net;
}

TEST(Summary, HasShapesParametersFlopsAndReceptiveField) {
  Sequential net = cnn();
  const std::vector<SummaryRow> rows = summary_rows(net, {2, 1, 28, 28});
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].path, "conv1");
  EXPECT_EQ(rows[0].options, "1 -> 32, kernel 3x3");
  EXPECT_EQ(rows[0].output, (Shape{2, 32, 26, 26}));
  EXPECT_EQ(rows[0].parameters, 32 * 9 + 32);
  EXPECT_EQ(rows[0].flops, 2 * (2 * 32 * 26 * 26) * 9);
  EXPECT_EQ(rows[2].parameters, 64 * 16 * 9 + 64);
  EXPECT_EQ(rows[2].flops, 2 * (2 * 64 * 11 * 11) * 16 * 9);
  EXPECT_EQ(rows[4].flops, 2 * 2 * 10 * 64 * 11 * 11);
  EXPECT_EQ(rows[0].receptive_field, (Dims{3, 3}));
  EXPECT_EQ(rows[1].receptive_field, (Dims{4, 4}));
  EXPECT_EQ(rows[2].receptive_field, (Dims{8, 8}));  // 4 + 2 * 2 pixels
  EXPECT_EQ(rows[4].receptive_field, Dims());
}

TEST(Summary, PrintsAlignedColumnsWithTotals) {
  Sequential net(Flatten(), Linear({.out_features = 512}), ReLU(), Linear({.out_features = 10}));
  EXPECT_EQ(summary(net, {1, 28, 28}),
            "layer  type                output    parameters   FLOPs  sees\n"
            "0      Flatten             [1, 784]           0       0\n"
            "1      Linear(784 -> 512)  [1, 512]     401,920   803 k\n"
            "2      ReLU                [1, 512]           0       0\n"
            "3      Linear(512 -> 10)   [1, 10]        5,130  10.2 k\n"
            "total  input [1, 28, 28]                407,050   813 k\n");
}

TEST(Summary, ChangesNeitherModeNorStatistics) {
  Sequential net(BatchNorm1d(), Dropout(0.5));
  net[1].eval();
  net.infer_shapes({2, 3});
  const Generator::State before = default_generator().state();
  summary(net, {2, 3});
  EXPECT_EQ(default_generator().state(), before);
  EXPECT_TRUE(net[0].training());
  EXPECT_FALSE(net[1].training());
  EXPECT_EQ(net.named_buffers()[1].second.to_vector<float>(), (std::vector<float>{1, 1, 1}));
}

TEST(Summary, UsesTheTypeOfTheParameters) {
  Sequential net(Linear({.in_features = 2, .out_features = 1}));
  net.to(DType::f64);
  EXPECT_EQ(summary_rows(net, {1, 2}).size(), 1u);
}

// x + f(f(x)) with one layer called twice.
class Twice final : public Module {
 public:
  std::string_view type_name() const override { return "Twice"; }
  Tensor forward(const Tensor& x) override { return x + layer_(layer_(x)); }
  void visit(ModuleVisitor& visitor) override { visitor.child("layer", layer_); }

 private:
  Linear layer_{{.in_features = 3, .out_features = 3}};
};

TEST(Summary, CountsALayerThatIsCalledTwiceOnce) {
  Twice model;
  const std::vector<SummaryRow> rows = summary_rows(model, {1, 3});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].parameters, 12);
  EXPECT_EQ(rows[1].parameters, 0);
  EXPECT_EQ(rows[1].path, "layer");
}

TEST(Summary, NamesTheLayerThatDoesNotFit) {
  Sequential net = cnn();
  expect_throw<ShapeError>(
      [&] {
        summary(net, {1, 1, 4, 4});
      },
      {"layer conv2: Conv2d(32 -> 64", "[1, 32, 1, 1]"});
}

}  // namespace
}  // namespace dlengine::test
