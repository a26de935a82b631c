// Chapter 4, losses of a distance, of a probability and of a margin, and what the guard 1e-7 costs.
#include <fmt/format.h>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

struct Named {
  std::string name;
  std::function<Tensor(const Tensor& output, const Tensor& target)> loss;  // not reduced
  std::string result = {};
};

/// Values and slopes of losses around the target, where some slopes jump, each in a panel of its own.
void draw(Figure& figure, const std::string& title, const std::string& label, double target,
          const std::vector<Named>& losses) {
  const Tensor below = linspace(-3, target - 1e-6, 61, DType::f64);
  const Tensor x = concat({below, linspace(target + 1e-6, 3, 61, DType::f64)});
  Panel& values = figure.panel({.title = title, .x = {.label = label}, .y = {.label = "loss"}});
  Panel& slopes = figure.panel({.title = "its gradient", .x = {.label = label}, .y = {.label = "slope"}});
  for (const auto& [name, loss, result] : losses) {
    const Tensor leaf = x.clone().set_requires_grad();
    const Tensor value = loss(leaf, full(x.shape(), target, DType::f64));
    value.backward(ones_like(value));
    values.line(x, value, {.name = name});
    slopes.line(x, leaf.grad(), {.name = name});
  }
}

/// The textbook's digit: a network says 2 with 60 %, and then 7; the truth is 2.
void digit(const apps::Chapter& chapter, const std::string& name, const Tensor& p) {
  const Tensor row = p.unsqueeze(0), label = from_vector<int64_t>({2}, {1});
  chapter.result("sum_of_squares_" + name, SumOfSquaresLoss()(row, one_hot(label, 10)).item<double>());
  const CategoricalCrossEntropyLoss textbook({.guard = LogGuard::add}), keras;
  chapter.result("cross_entropy_textbook_" + name, textbook(row, label).item<double>());
  chapter.result("cross_entropy_keras_" + name, keras(row, label).item<double>());
}

/// Cross-entropy of the right class from logits, and from the probability with either guard.
void draw_guards(const apps::Chapter& chapter, Figure& figure) {
  const Tensor logit = linspace(-30, 5, 141, DType::f64), logits = stack({logit, zeros_like(logit)}, 1);
  const Tensor p = softmax(logits, 1), label = zeros({logit.numel()}, DType::i64);
  const std::vector<Named> losses = {
      {"on logits", CrossEntropyLoss(Reduction::none), "from_logits"},
      {"Keras: clipped at 1e-7", CategoricalCrossEntropyLoss({.reduction = Reduction::none}), "clipped"},
      {"textbook: log(p + 1e-7)",
       CategoricalCrossEntropyLoss({.guard = LogGuard::add, .reduction = Reduction::none}), "added"}};
  const Axis share{.label = "its probability p", .scale = Scale::log};
  Panel& panel = figure.panel({"Cross-entropy of the right class", share, {.label = "loss"}});
  for (const auto& [name, loss, result] : losses) {
    const bool exact = result == "from_logits";
    const Tensor value = loss(exact ? logits : p, label);
    panel.line(p.select(1, 0), value, {.name = name, .dashed = !exact});
    chapter.result("largest_" + result, max(value).item<double>());
  }
}

void chapter(apps::Chapter& chapter) {
  constexpr auto none = Reduction::none;
  Figure figure({.title = "Losses and their gradients", .columns = 2});
  draw(figure, "Regression", "output - target", 0,
       {{"squared (MSE)", MSELoss(none)},
        {"absolute (L1)", L1Loss(none)},
        {"Huber, delta 1", HuberLoss({.reduction = none})},
        {"smooth L1, beta 0.5", SmoothL1Loss({.beta = 0.5, .reduction = none})}});
  draw(figure, "Yes or no: the target is 1", "output (logit)", 1,
       {{"cross-entropy", BCEWithLogitsLoss({.reduction = none})},
        {"hinge", HingeLoss({.reduction = none})},
        {"squared hinge", HingeLoss({.squared = true, .reduction = none})},
        {"squared (MSE)", MSELoss(none)}});
  draw_guards(chapter, figure);
  Panel& smooth = figure.panel(
      {"Label smoothing, ten classes", {.label = "logit of the right class"}, {.label = "cross-entropy"}});
  const Tensor logit = linspace(-2, 12, 71, DType::f64), label = zeros({71}, DType::i64);
  const Tensor logits = concat({logit.unsqueeze(1), zeros({71, 9}, DType::f64)}, 1);
  for (const double share : {0.0, 0.1, 0.3}) {
    const Tensor value = CrossEntropyLoss({.label_smoothing = share, .reduction = none})(logits, label);
    smooth.line(logit, value, {.name = fmt::format("smoothing {}", share)});
  }
  digit(chapter, "right", tensor({0.1F, 0.05F, 0.6F, 0, 0.05F, 0.1F, 0, 0.1F, 0, 0}));
  digit(chapter, "wrong", tensor({0.1F, 0.05F, 0.1F, 0, 0.05F, 0.1F, 0, 0.6F, 0, 0}));
  chapter.result("divergence", KLDivLoss()(log(full({1, 2}, 0.5)), tensor({{0.3F, 0.7F}})).item<double>());
  const Tensor four = tensor({{2, 0}}).expand({4, 2}), rare = from_vector<int64_t>({1, 0, 0, 0}, {4});
  chapter.result("mean_of_four", CrossEntropyLoss()(four, rare).item<double>());
  const CrossEntropyLoss weighted({.weight = tensor({1, 3})});
  chapter.result("mean_with_weights", weighted(four, rare).item<double>());
  const Tensor thousand = tensor({{1000, -1000}});
  chapter.result("logits_of_1000", CrossEntropyLoss()(thousand, ones({1}, DType::i64)).item<double>());
  chapter.save(figure);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"04_losses", "What is minimised."}, argc, argv, chapter);
}
