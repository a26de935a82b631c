// Chapter 3b, many layers and large numbers: slopes that are multiplied, and softmax of logits of 1000.
#include <vector>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

using Function = Tensor (*)(const Tensor&);

/// How far a change of x comes through layers that do nothing but the function.
void draw_vanishing(Figure& figure) {
  const std::pair<const char*, Function> functions[] = {
      {"sigmoid", sigmoid}, {"tanh", tanh}, {"relu", relu}, {"selu", selu}};
  Panel& panel = figure.panel(
      {"Slope through many layers, at 0.5", {.label = "layers"}, {.label = "slope", .scale = Scale::log}});
  for (const auto& [name, f] : functions) {
    std::vector<double> slopes;
    for (int layers = 1; layers <= 20; ++layers) {
      const Tensor x = scalar(0.5).set_requires_grad();
      Tensor y = x;
      for (int layer = 0; layer < layers; ++layer) y = f(y);
      y.backward();
      slopes.push_back(x.grad().item<double>());
    }
    panel.line(arange(1, 21), slopes, {.name = name, .markers = true});
  }
}

void draw_softmax(Figure& figure, const apps::Chapter& chapter) {
  const Tensor x = linspace(0, 1000, 101), logits = stack({x, x * 0.99}, 1);
  const Tensor naive = exp(logits) / sum(exp(logits), {.axes = {1}, .keep_axes = true});
  figure
      .panel({.title = "Probability of x in softmax of (x, 0.99 x)",
              .x = {.label = "x"},
              .y = {.label = "probability"}})
      .line(x, softmax(logits).select(1, 0), {.name = "softmax"})
      .scatter(x, naive.select(1, 0), {.name = "exp / sum, ends at 88"});
  chapter.result("log_softmax_at_1000", min(log_softmax(tensor({1000, -1000}))).item<double>());
  chapter.result("naive_is_nan", any(isnan(naive)).item<double>());
}

}  // namespace

int main(int argc, char** argv) {
  const auto body = [](apps::Chapter& chapter) {
    Figure figure({.columns = 2});
    draw_vanishing(figure);
    draw_softmax(figure, chapter);
    chapter.save(figure);
  };
  return apps::run_chapter({"03b_many_layers", "Slopes of many layers, and large logits."}, argc, argv, body);
}
