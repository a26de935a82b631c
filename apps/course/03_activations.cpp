// Chapter 3, activations: each with its slope, slopes through many layers, and softmax of large logits.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

using Function = Tensor (*)(const Tensor&);
const std::vector<std::pair<std::string, Function>> kActivations = {
    {"step", step},
    {"sigmoid", sigmoid},
    {"tanh", tanh},
    {"relu", relu},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1); }},
    {"prelu", [](const Tensor& x) { return prelu(x, full({1}, 0.25)); }},
    {"elu", [](const Tensor& x) { return elu(x); }},
    {"selu", selu},
    {"gelu", [](const Tensor& x) { return gelu(x); }},
    {"silu", silu},
    {"mish", mish},
    {"softplus", [](const Tensor& x) { return softplus(x); }},
    {"log_sigmoid", log_sigmoid},
    {"softsign", softsign},
    {"hardsigmoid", hardsigmoid},
    {"hardswish", hardswish},
    {"hardtanh", [](const Tensor& x) { return hardtanh(x); }},
    {"relu6", relu6},
    {"identity", [](const Tensor& x) { return Identity()(x); }},
};

/// The slope of f at every x: each element of the result depends on one element of x alone.
Tensor slope_of(Function f, const Tensor& at) {
  Tensor x = at.clone().set_requires_grad();
  f(x).backward(ones_like(x));
  return x.grad();
}

/// A panel and a few values of each, and whether all of them are numbers.
void show_all(const apps::Chapter& chapter) {
  Figure figure({"Activations, and their slopes (dashed)", 4, 250, 190});
  const Tensor x = linspace(-6, 7, chapter.choose(105, 27)), some = tensor({-1000, -1, 0, 1, 1000});
  bool finite = true;
  for (const auto& [name, f] : kActivations) {
    figure.panel({.title = name, .x = {.from = -6, .to = 7}, .y = {.from = -2.5, .to = 4}})
        .line(x, f(x))
        .line(x, slope_of(f, x), {.dashed = true});
    const Tensor values = stack({f(some), slope_of(f, some)});
    fmt::print("{} and its slope at -1000, -1, 0, 1, 1000:\n{}\n", name, to_string(values));
    finite = finite && all(isfinite(values)).item<bool>();
  }
  chapter.save(figure);
  chapter.result("all_finite", finite);
  chapter.result("sigmoid_largest_slope", max(slope_of(sigmoid, linspace(-6, 6, 1201))).item<double>());
}

/// How far a change of x comes through layers that do nothing but the function: the product of their slopes.
void draw_vanishing(Figure& figure) {
  Panel& panel = figure.panel(
      {"Slope through many layers, at 0.5", {.label = "layers"}, {.label = "slope", .scale = Scale::log}});
  for (const size_t i : {1, 2, 3, 7}) {
    const auto& [name, f] = kActivations[i];
    Tensor x = full({1}, 0.5), slope = ones({1});
    std::vector<double> slopes;
    for (int layer = 0; layer < 20; ++layer, x = f(x)) {
      slope = slope * slope_of(f, x);
      slopes.push_back(slope.item<double>());
    }
    panel.line(arange(1, 21), slopes, {.name = name, .markers = true});
  }
}

void draw_softmax(Figure& figure, const apps::Chapter& chapter) {
  const Tensor x = linspace(0, 1000, 101), logits = stack({x, x * 0.99}, 1);
  const Tensor naive = exp(logits) / sum(exp(logits), {.axes = {1}, .keep_axes = true});
  figure.panel({.title = "Probability of x in softmax of (x, 0.99 x)", .x = {.label = "x"}})
      .line(x, softmax(logits).select(1, 0), {.name = "softmax"})
      .scatter(x, naive.select(1, 0), {.name = "exp / sum, ends at 88"});
  chapter.result("log_softmax_at_1000", min(log_softmax(tensor({1000, -1000}))).item<double>());
  chapter.result("naive_is_nan", any(isnan(naive)).item<double>());
}

}  // namespace

int main(int argc, char** argv) {
  const auto body = [](apps::Chapter& chapter) {
    show_all(chapter);
    Figure figure({.columns = 2});
    draw_vanishing(figure);
    draw_softmax(figure, chapter);
    chapter.save(figure, "limits");
  };
  return apps::run_chapter({"03_activations", "Every activation and its slope."}, argc, argv, body);
}
