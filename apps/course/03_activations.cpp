// Chapter 3, activations: each with its slope.
#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

using Function = Tensor (*)(const Tensor&);
const std::pair<std::string, Function> kActivations[] = {
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
    {"identity", [](const Tensor& x) { return Identity()(x); }}};

/// The slope of f at every x: each element of the result depends on one element of x alone.
Tensor slope_of(Function f, const Tensor& at) {
  Tensor x = at.clone().set_requires_grad();
  f(x).backward(ones_like(x));
  return x.grad();
}

/// -6 to 7, with a gap of no width where a function or its slope may jump.
Tensor pieces() {
  std::vector<Tensor> parts;
  for (const auto& [from, to] : {std::pair(-6, -3), {-3, -1}, {-1, 0}, {0, 1}, {1, 3}, {3, 6}, {6, 7}}) {
    parts.insert(parts.end(), {linspace(from + 1e-4, to - 1e-4, 11), full({1}, NAN)});
  }
  return concat(parts, 0);
}

/// A panel and a few values of each, and whether all of them are numbers.
void show_all(apps::Chapter& chapter) {
  Figure figure({"Activations, and their slopes (dashed)", 4, 250, 210});
  const Tensor x = pieces(), some = tensor({-1000, -1, 0, 1, 1000});
  bool finite = true;
  for (const auto& [name, f] : kActivations) {
    figure.panel({name, {.label = "x", .from = -6, .to = 7}, {.label = "f(x)", .from = -2.5, .to = 4}})
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

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"03_activations", "Every activation and its slope."}, argc, argv, show_all);
}
