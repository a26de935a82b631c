// Diagrams of the tape and of graphs, as DOT and as SVG.
#include "dlengine/core/diagram.h"

#include <gmock/gmock.h>

#include "dlengine/train/diagram_svg.h"
#include "tests/graph/graphs.h"
#include "tests/support/xml.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;

struct TwoLayers {
  Tensor w = ones({2, 3}).set_requires_grad();
  Tensor b = ones({2}).set_requires_grad();
  Tensor loss() const { return sum(sigmoid(linear(ones({4, 3}), w, b))); }
  NamedTensors names() const { return {{"layer.weight", w}, {"bias", b}}; }
};

TEST(TapeDiagram, IsDot) {
  const TwoLayers net;
  EXPECT_EQ(to_dot(net.loss(), net.names()),
            "digraph {\n"
            "  node [fontname=\"sans-serif\", fontsize=11]\n"
            "  b0 [label=\"layer.weight\\nf32 [2, 3]\", shape=box, style=dashed]\n"
            "  b1 [label=\"bias\\nf32 [2]\", shape=box, style=dashed]\n"
            "  b2 [label=\"linear\\nf32 [4, 2]\", shape=box, style=rounded]\n"
            "  b3 [label=\"sigmoid\\nf32 [4, 2]\", shape=box, style=rounded]\n"
            "  b4 [label=\"sum\\nf32 []\", shape=box, style=bold]\n"
            "  b0 -> b2\n"
            "  b1 -> b2\n"
            "  b2 -> b3\n"
            "  b3 -> b4\n"
            "}\n");
}

TEST(TapeDiagram, SharedTensorsHaveOneBox) {
  const Tensor x = ones({2}).set_requires_grad();
  const Tensor y = exp(x);
  const Diagram diagram = tape_diagram(y * y + x);
  EXPECT_EQ(diagram.boxes.size(), 4u);
  EXPECT_EQ(diagram.arrows.size(), 5u);
  EXPECT_EQ(diagram.boxes[0].lines, (std::vector<std::string>{"leaf", "f32 [2]"}));
}

TEST(TapeDiagram, NamesWhatAnOperationDoesWithANumber) {
  const Tensor x = ones({2}).set_requires_grad();
  const Tensor y = scale_shift(-(1 - ((2 * ((1 + x) + 2) * 3 - 4) / 5)), 2, 1);
  std::vector<std::string> names;
  for (const Diagram::Box& box : tape_diagram(y).boxes) names.push_back(box.lines[0]);
  EXPECT_EQ(names, (std::vector<std::string>{"leaf", "add", "add", "mul", "mul", "sub", "div", "sub", "neg",
                                             "scale_shift"}));
}

TEST(TapeDiagram, NamesTheEndingOfAnOperation) {
  const Tensor w = ones({4, 2, 3, 3}).set_requires_grad(), v = ones({3, 4}).set_requires_grad();
  const Ending relu_dropout{Activation::relu, 0.5};
  const Tensor image = conv2d(ones({1, 2, 6, 6}), w, {}, {.activation = Activation::relu});
  const Tensor normed = batch_norm(image, {}, {}, {}, {}, {.training = true, .activation = Activation::relu});
  const Tensor small = max_pool2d(normed, {.kernel = 2, .ending = Activation::relu});
  const Tensor mean = avg_pool2d(small, {.kernel = 2, .ending = relu_dropout});
  const Tensor y = linear(linear(mean.flatten(), v, {}, relu_dropout), ones({1, 3}));
  std::vector<std::string> operations;
  for (const Diagram::Box& box : tape_diagram(y).boxes) {
    if (box.kind != Diagram::Kind::parameter) operations.push_back(box.lines[0]);
  }
  EXPECT_THAT(operations,
              testing::IsSupersetOf({"conv2d, relu", "batch_norm, relu", "max_pool2d, relu",
                                     "avg_pool2d, relu, dropout", "linear, relu, dropout", "linear"}));
}

TEST(TapeDiagram, LongTapesDoNotOverflowTheStack) {
  Tensor x = ones({}).set_requires_grad();
  for (int i = 0; i < 100'000; ++i) x = x + 1.0;
  EXPECT_EQ(tape_diagram(x).boxes.size(), 100'001u);
}

TEST(TapeDiagram, NeedsATape) {
  expect_throw<AutogradError>([] { tape_diagram(ones({2})); }, {"not the result of a recorded operation"});
  expect_throw<AutogradError>([] { tape_diagram(Tensor()); }, {"not the result of a recorded operation"});
  const TwoLayers net;
  const Tensor loss = net.loss();
  loss.backward();
  expect_throw<AutogradError>([&] { tape_diagram(loss); }, {"used up by an earlier backward()"});
}

TEST(Diagram, DotEscapesText) {
  EXPECT_THAT(to_dot(Diagram{{{{"a \"b\" \\"}}}, {}}), HasSubstr("label=\"a \\\"b\\\" \\\\\""));
  EXPECT_THAT(to_dot(Diagram{{{{"a"}}, {{"b"}}}, {{0, 1, "x"}}}), HasSubstr("b0 -> b1 [label=\"x\"]"));
}

TEST(GraphDiagram, HasABoxForEachCall) {
  Sequential model{Linear({.in_features = 3, .out_features = 2}), Softmax()};
  const Diagram drawing = diagram(trace(model, {2, 3}));
  ASSERT_EQ(drawing.boxes.size(), 4u);
  EXPECT_EQ(drawing.boxes[0].lines, (std::vector<std::string>{"x", "f32 [N, 3]"}));
  EXPECT_EQ(drawing.boxes[1].lines,
            (std::vector<std::string>{"linear", "0.weight [2, 3]", "0.bias [2]", "f32 [N, 2]"}));
  EXPECT_EQ(drawing.boxes[3].kind, Diagram::Kind::result);
  EXPECT_EQ(drawing.arrows.size(), 3u);
}

TEST(GraphDiagram, WhatIsWrittenInPartsIsConnected) {
  const Graph graph = trace(
      [](const std::vector<Tensor>& in) {
        return std::vector{concat({in[0], in[1]}, 1)};
      },
      {{"a", {2, 3}}, {"b", {2, 2}}});
  const Diagram drawing = diagram(graph);
  EXPECT_EQ(drawing.boxes.size(), 5u);
  EXPECT_EQ(drawing.arrows.size(), 4u);
}

TEST(DiagramSvg, IsXmlThatNamesEveryBox) {
  SmallResidual model;
  model.infer_shapes({2, 3, 8, 8});
  const std::string svg = to_svg(diagram(trace(model, {2, 3, 8, 8})));
  EXPECT_EQ(xml_error(svg), "");
  for (const char* text : {"conv2d", "stem.0.weight [16, 3, 3, 3]", "batch_norm_eval", "f32 [N, 5]"}) {
    EXPECT_THAT(svg, HasSubstr(text));
  }
  const TempDir dir;
  save_svg(diagram(trace(model, {2, 3, 8, 8})), dir / "picture.svg");
  EXPECT_EQ(read_bytes(dir / "picture.svg"), svg);
  EXPECT_EQ(xml_error(to_svg(Diagram{})), "");
}

}  // namespace
}  // namespace dlengine::test
