// Chapter 2, perceptrons: gates with given weights, gates that learn theirs, and XOR, which needs two layers.
#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

struct Gate {
  std::string name;
  std::vector<float> truth, weights;  // for (0, 0), (0, 1), (1, 0), (1, 1); w1, w2, bias, for XOR none
};
const Gate kAnd{"AND", {0, 0, 0, 1}, {0.5, 0.5, -0.7}}, kOr{"OR", {0, 1, 1, 1}, {0.5, 0.5, -0.2}},
    kNand{"NAND", {1, 1, 1, 0}, {-0.5, -0.5, 0.7}}, kXor{"XOR", {0, 1, 1, 0}, {}};

Tensor inputs() { return tensor({{0, 0}, {0, 1}, {1, 0}, {1, 1}}); }

/// A perceptron fires, 1, where z = w x + b is above 0.
Tensor fires(const Tensor& z) { return greater(z, scalar(0)).to(DType::f32); }

Tensor by_hand(const Gate& gate, const Tensor& x) {
  const Tensor weights = from_vector(gate.weights, {1, 3});
  return fires(linear(x, weights.slice(1, 0, 2), weights.slice(1, 2).reshape({1})));
}

double errors(const Tensor& output, const Gate& gate) {
  return sum(abs(output.reshape({4}) - from_vector(gate.truth, {4}))).item<double>();
}

/// Rosenblatt's rule, w += rate (truth - output) x, is gradient descent on (output - truth) (w x + b).
std::vector<double> learn(Linear& perceptron, const Gate& gate) {
  SGD optimizer(perceptron.parameters(), {.lr = 0.1});
  std::vector<double> history;
  for (int64_t step = 0; step < 120; ++step) {
    const int64_t i = step % 4;
    if (i == 0) history.push_back(errors(fires(perceptron(inputs())), gate));
    optimizer.zero_grad();
    const Tensor z = perceptron(inputs().slice(0, i, i + 1));
    sum((fires(z.detach()) - gate.truth[size_t(i)]) * z).backward();
    optimizer.step();
  }
  return history;
}

void learn_xor(Sequential& net) {
  Adam optimizer(net.parameters(), {.lr = 0.05});
  for (int step = 0; step < 300; ++step) {
    optimizer.zero_grad();
    mse_loss(sigmoid(net(inputs())), from_vector(kXor.truth, {4, 1})).backward();
    optimizer.step();
  }
}

/// Where the function fires, and the four inputs with what they ought to give. Its errors are a result.
template <typename F>
void show(const apps::Chapter& chapter, Figure& figure, const Gate& gate, const std::string& how,
          const F& f) {
  const Extent plane{.x_from = -0.5, .x_to = 1.5, .y_from = -0.5, .y_to = 1.5};
  Panel& panel = figure.panel({.title = gate.name + " " + how, .x = {.label = "x1"}, .y = {.label = "x2"}});
  panel.heat_map(f(grid_points(plane, 80, 80)).reshape({80, 80}),
                 {.colors = ColorMap::classes, .extent = plane, .class_names = {"gives 0", "gives 1"}});
  for (const int truth : {0, 1}) {
    std::vector<int> x, y;
    for (int i = 0; i < 4; ++i) {
      if (gate.truth[size_t(i)] == float(truth)) x.push_back(i / 2), y.push_back(i % 2);
    }
    panel.scatter(x, y, {.name = truth ? "1 wanted" : "0 wanted", .color = truth, .radius = 6});
  }
  chapter.result(gate.name + " " + how + " errors", errors(f(inputs()), gate));
}

void chapter(apps::Chapter& chapter) {
  Figure figure({.title = "Where perceptrons fire", .columns = 3, .panel_width = 300});
  Figure curves({"Wrong answers of perceptrons that learn", 4, 220, 180});
  for (const Gate* gate : {&kAnd, &kOr, &kNand}) {
    show(chapter, figure, *gate, "by hand", [&](const Tensor& x) { return by_hand(*gate, x); });
  }
  for (const Gate* gate : {&kAnd, &kOr, &kNand, &kXor}) {
    Linear perceptron({.in_features = 2, .out_features = 1});
    curves.panel({gate->name, {.label = "epoch"}, {.label = "wrong of 4", .from = -0.2, .to = 4.2}})
        .line(arange(0, 30), learn(perceptron, *gate), {.markers = true});
    show(chapter, figure, *gate, "learned", [&](const Tensor& x) { return fires(perceptron(x)); });
  }
  show(chapter, figure, kXor, "of gates", [](const Tensor& x) {
    return by_hand(kAnd, concat({by_hand(kNand, x), by_hand(kOr, x)}, 1));
  });
  Sequential net{Linear({.in_features = 2, .out_features = 4}), Tanh(),
                 Linear({.in_features = 4, .out_features = 1})};
  learn_xor(net);
  show(chapter, figure, kXor, "two layers", [&](const Tensor& x) { return fires(net(x)); });
  chapter.save(figure);
  chapter.save(curves, "errors");
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"02_perceptrons", "Gates, and what needs two layers."}, argc, argv, chapter);
}
