// Chapter 12, a static graph: traced once, printed, saved, and run without the tape and the model's class.
#include <fmt/format.h>

#include <chrono>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

/// No list of layers: there is a way around its middle.
class Residual final : public Module {
 public:
  std::string_view type_name() const override { return "Residual"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override {
    const Tensor stem = stem_(x);
    return head_(relu(stem + middle_(stem)));
  }
  void visit(ModuleVisitor& visitor) override {
    visitor.child("stem", stem_);
    visitor.child("middle", middle_);
    visitor.child("head", head_);
  }

 private:
  Sequential stem_{Conv2d({.in_channels = 1, .out_channels = 16, .kernel = 3}), ReLU(),
                   MaxPool2d({.kernel = 2})};
  Sequential middle_{Conv2d({.in_channels = 16, .out_channels = 16, .kernel = 3, .padding = 1}),
                     BatchNorm2d({.num_features = 16}), Dropout(0.25)};
  Sequential head_{Flatten(), Linear({.out_features = 10}), Softmax()};
};

/// Microseconds of one call, the best of some.
double microseconds(int calls, const std::function<void()>& call) {
  double best = 1e9;
  for (int i = 0; i < calls; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count());
  }
  return best;
}

void times(const apps::Chapter& chapter, Module& model, const Graph& graph) {
  Figure figure({.title = "Time per image, by the number of images in a call"});
  const Axis images{.label = "images", .scale = Scale::log}, time{.label = "µs per image", .from = 0};
  Panel& panel = figure.panel({.x = images, .y = time});
  CapturedStep recorded(graph.device(), [&](const std::vector<Tensor>& in) { return graph.run(in); });
  Predictor predictor(model, graph.device());
  const NoGrad no_grad;
  const std::pair<const char*, std::function<void(const Tensor&)>> ways[] = {
      {"model", [&](const Tensor& x) { model(x); }},
      {"graph", [&](const Tensor& x) { graph(x); }},
      {"graph, recorded", [&](const Tensor& x) { recorded({x}); }},
      {"Predictor", [&](const Tensor& x) { predictor(x); }}};
  for (const auto& [name, call] : ways) {
    std::vector<double> best;
    const std::vector<int64_t> batches = {1, 4, 16, 64};
    for (const int64_t batch : batches) {
      const Tensor x = rand({batch, 1, 28, 28}).to(graph.device());
      best.push_back(microseconds(chapter.choose(300, 8), [&, &run = call] { run(x); }) / double(batch));
    }
    panel.line(batches, best, {.name = name, .markers = true});
    fmt::print("{:>16}: one image {:.1f} µs, each of 64 {:.1f} µs\n", name, best.front(), best.back());
  }
  chapter.save(figure);
}

void chapter(apps::Chapter& chapter) {
  Residual model;
  const Graph traced = trace(model, {1, 1, 28, 28});
  fmt::print("{}", to_string(traced));
  try {  // as it is in training, with dropout
    trace([&](const std::vector<Tensor>& in) { return std::vector{model(in[0])}; }, {{"x", {1, 1, 28, 28}}});
  } catch (const Error& error) {
    fmt::print("refused: {}\n", error.what());
  }
  save_svg(diagram(traced), chapter.path("12_graph_calls.svg"));
  const std::string file = chapter.path("12_graph.safetensors");
  traced.save(file);
  const Graph graph = Graph::load(file, chapter.device());  // from here on Residual is not needed
  model.to(chapter.device());
  model.eval();
  const Tensor x = rand({5, 1, 28, 28}).to(chapter.device());
  chapter.result("calls", double(graph.size()));
  chapter.result("weights", double(graph.constants().size()));
  chapter.result("difference", max(abs(graph(x) - model(x))).item<double>());
  times(chapter, model, graph);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"12_graph", "A network without its C++ class."}, argc, argv, chapter);
}
