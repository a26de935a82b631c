// Chapter 6, optimizers: their paths down a stretched bowl, their losses on digits, and rates that change.
#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

struct Choice {
  std::string name;          // of make_optimizer()
  double bowl_lr;            // on the bowl
  std::optional<double> lr;  // on digits; empty: the default
};
// The first rows have the textbook's rates on the bowl.
const Choice kChoices[] = {{"sgd", 0.95, 0.05}, {"momentum", 0.1, {}}, {"adagrad", 1.5, {}},
                           {"adam", 0.3, {}},   {"nesterov", 0.1, {}}, {"rmsprop", 0.3, 0.001},
                           {"adamw", 0.3, {}},  {"adadelta", 50, {}},  {"adamax", 0.5, {}},
                           {"nadam", 0.3, {}},  {"lion", 0.3, {}},     {"muon", 0.3, {}}};

/// x^2 / 20 + y^2 for rows (x, y).
Tensor bowl(const Tensor& at) { return sum(square(at) * tensor({0.05F, 1}), {.axes = {1}}); }

void draw_path(const apps::Chapter& chapter, Figure& figure, const Choice& choice) {
  const Extent plane{.x_from = -8, .x_to = 8, .y_from = -4, .y_to = 4};
  Panel& panel = figure.panel({.title = choice.name, .x = {.label = "x"}, .y = {.label = "y"}});
  panel.contour(bowl(grid_points(plane, 40, 32)).reshape({32, 40}),
                {.levels = {1, 4, 9, 16}, .extent = plane});
  Tensor at = tensor({{-7, 2}}).set_requires_grad();
  const auto optimizer = make_optimizer(choice.name, choice.bowl_lr, Defaults::textbook);
  optimizer->attach(std::vector{at});
  std::vector<float> x, y;
  for (int step = 0; step <= 30; ++step) {
    const std::vector<float> point = at.to_vector<float>();
    x.push_back(point[0]), y.push_back(point[1]);
    optimizer->zero_grad();
    sum(bowl(at)).backward();
    optimizer->step();
  }
  panel.line(x, y, {.markers = true});
  panel.scatter({0}, {0}, {.radius = 5});
  chapter.result("bowl_" + choice.name, bowl(at).item<double>());
}

/// The training loss of each epoch of a network of five layers.
std::vector<double> losses(const apps::Chapter& chapter, const Dataset& digits, const Choice& choice) {
  manual_seed(chapter.seed());
  Sequential net{Flatten()};
  for (int i = 0; i < 4; ++i) net.add(Linear({.out_features = 100, .init = Init::keras})).add(ReLU());
  net.add(Linear({.out_features = 10, .init = Init::keras}));
  const auto optimizer = make_optimizer(choice.name, choice.lr);
  Trainer trainer(net, CrossEntropyLoss(), *optimizer, {.device = chapter.device(), .progress = false});
  std::vector<double> means;
  const FitOptions fit{.epochs = chapter.choose<int64_t>(8, 2), .batch_size = 128};
  for (const EpochRecord& epoch : trainer.fit(digits, fit).epochs) means.push_back(epoch.train.loss);
  chapter.result("digits_" + choice.name, means.back());
  return means;
}

void draw_schedules(const apps::Chapter& chapter) {
  Figure figure;
  Panel& panel = figure.panel(
      {.title = "Schedules", .x = {.label = "step of 1000"}, .y = {.label = "factor on the rate"}});
  const std::pair<const char*, Schedule> schedules[] = {{"step", step_schedule(0.3, 3)},
                                                        {"exponential", exponential_schedule(0.01)},
                                                        {"polynomial", polynomial_schedule(2)},
                                                        {"cosine after a warm-up", cosine_schedule(0, 0.1)},
                                                        {"one cycle", one_cycle_schedule(0.1, 0.3)}};
  const Tensor steps = arange(0, 1000, 5);
  for (const auto& [name, schedule] : schedules) {
    std::vector<double> factors;
    for (int64_t step = 0; step < 1000; step += 5) factors.push_back(schedule(step, 1000));
    panel.line(steps, factors, {.name = name});
  }
  chapter.save(figure, "schedules");
}

void chapter(apps::Chapter& chapter) {
  Figure paths({.title = "30 steps down x^2/20 + y^2", .columns = 3, .panel_width = 300});
  Figure curves;
  const ImageDataset digits = chapter.digits(1280);
  const Subset some(digits.train, 0, std::min<int64_t>(digits.train.size(), 12800));
  Panel& panel = curves.panel({.title = "Five layers on " + std::to_string(some.size()) + " digits",
                               .x = {.label = "epoch"},
                               .y = {.label = "training loss", .scale = Scale::log}});
  for (const Choice& choice : kChoices) {
    draw_path(chapter, paths, choice);
    const std::vector<double> curve = losses(chapter, some, choice);
    panel.line(arange(1, double(curve.size()) + 1), curve, {.name = choice.name});
  }
  chapter.save(paths);
  chapter.save(curves, "digits");
  draw_schedules(chapter);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"06_optimizers", "How weights move."}, argc, argv, chapter);
}
