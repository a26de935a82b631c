// Chapter 5, gradients: the worked example step by step, the tape as a picture, and differences against it.
#include <fmt/format.h>

#include <algorithm>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

Tensor input() { return from_vector(std::vector<double>{0.35, 0.9}, {1, 2}); }

/// Two inputs, two hidden units, one output, sigmoid everywhere, no biases.
Sequential example_net() {
  Sequential net;
  net.add("hidden", Linear({.in_features = 2, .out_features = 2, .bias = false})).add("s1", Sigmoid());
  net.add("output", Linear({.in_features = 2, .out_features = 1, .bias = false})).add("s2", Sigmoid());
  net.to(DType::f64);
  net.load_state({{"hidden.weight", from_vector(std::vector<double>{0.1, 0.8, 0.4, 0.6}, {2, 2})},
                  {"output.weight", from_vector(std::vector<double>{0.3, 0.9}, {1, 2})}});
  return net;
}

/// Half of the squared distance to 0.5, as the course has it.
Tensor cost(Module& net) { return 0.5 * sum(square(net(input()) - 0.5)); }

/// dC/dweight by differences: the weight moves, the rest stays.
Tensor by_differences(Module& net, Tensor weight) {
  const NoGrad no_grad;
  const Tensor before = weight.clone();
  const auto moved_cost = [&](const Tensor& moved) { return weight.copy_(moved), cost(net).item<double>(); };
  const Tensor slope = numerical_gradient(moved_cost, before);
  return weight.copy_(before), slope;
}

void worked_example(const apps::Chapter& chapter) {
  Sequential net = example_net();
  SGD optimizer(net.parameters(), {.lr = 1});
  const Tensor c = cost(net);
  save_svg(tape_diagram(c, net.named_parameters()), chapter.path("05_gradients_tape.svg"));
  chapter.result("y", net(input()).item<double>());
  chapter.result("C", c.item<double>());
  c.backward();
  for (const auto& [name, weight] : net.named_parameters()) {
    fmt::print("dC/d {}:\n{}\n", name, to_string(weight.grad()));
    chapter.result(name + ".error", max(abs(weight.grad() - by_differences(net, weight))).item<double>());
  }
  chapter.result("dC/dw53", net.parameters()[1].grad().to_vector<double>()[0]);
  optimizer.step();
  for (const auto& [name, weight] : net.state()) fmt::print("new {}:\n{}\n", name, to_string(weight));
  chapter.result("y_after", net(input()).item<double>());
}

/// A curve, and its tangents as the tape finds them.
void tangents(Panel& panel) {
  const auto f = [](const Tensor& x) { return 0.01 * square(x) + 0.1 * x; };
  const Tensor x = arange(0, 20.1, 0.1);
  panel.line(x, f(x), {.name = "f(x)"});
  for (const double at : {5.0, 10.0}) {
    Tensor place = scalar(at).set_requires_grad();
    f(place).backward();
    const double slope = place.grad().item<double>();
    panel.line(x, f(place.detach()) + slope * (x - at), {.name = fmt::format("slope {:.1f}", slope)});
  }
}

/// Large steps leave the curve, small ones the digits of the type.
void step_sizes(const apps::Chapter& chapter, Panel& panel) {
  const auto f = [](const Tensor& x) { return sum(exp(tanh(x))); };
  const auto value = [&](const Tensor& x) { return f(x).item<double>(); };
  for (const DType dtype : {DType::f32, DType::f64}) {
    Tensor x = arange(-2, 2, chapter.choose(0.1, 0.5)).to(dtype).set_requires_grad();
    f(x).backward();
    std::vector<double> steps, errors;
    for (double h = 1; h > 1e-11; h /= 3) {
      steps.push_back(h);
      errors.push_back(max(abs(numerical_gradient(value, x, h) - x.grad())).item<double>());
    }
    panel.line(steps, errors, {.name = std::string(name(dtype)), .markers = true});
    chapter.result(fmt::format("best_error_{}", name(dtype)), *std::ranges::min_element(errors));
  }
}

void chapter(apps::Chapter& chapter) {
  worked_example(chapter);
  Figure figure({.columns = 2});
  const Axis h{.label = "step h", .scale = Scale::log}, error{.label = "largest error", .scale = Scale::log};
  tangents(figure.panel({.title = "0.01 x^2 + 0.1 x", .x = {.label = "x"}, .y = {.label = "y"}}));
  step_sizes(chapter, figure.panel({.title = "Differences of exp(tanh(x))", .x = h, .y = error}));
  chapter.save(figure);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"05_gradients", "The tape, and numerical gradients."}, argc, argv, chapter);
}
