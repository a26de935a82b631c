// Chapter 6b, steps: a rate that waits for a plateau, gradients that are clipped or collected over batches,
// weights that are averaged, and groups of weights.
#include <algorithm>
#include <cmath>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

struct Recipe {
  SgdOptions sgd = {.lr = 0.1};
  TrainerOptions options = {};
  FitOptions fit = {.batch_size = 100};
};
struct Trained {
  std::vector<double> loss, validation, rate;  // of each epoch
  std::vector<Tensor> parameters;
};

/// Three layers on 5000 digits. Curves end early where numbers grow beyond all bounds.
Trained train(const apps::Chapter& chapter, const ImageDataset& digits, Recipe recipe) {
  manual_seed(chapter.seed());
  const Subset few(digits.train, 0, std::min<int64_t>(digits.train.size(), 5000));
  const Subset test(digits.test, 0, std::min<int64_t>(digits.test.size(), 2000));
  Sequential net{Flatten(), Linear({.out_features = 100}), ReLU(), Linear({.out_features = 100}),
                 ReLU(),    Linear({.out_features = 10})};
  SGD optimizer(recipe.sgd);
  recipe.options.device = chapter.device();
  recipe.options.progress = false;
  Trainer trainer(net, CrossEntropyLoss(), optimizer, recipe.options);
  Trained result;
  recipe.fit.epochs = chapter.choose(20, 4);
  recipe.fit.validation = &test;
  recipe.fit.on_epoch = [&](const EpochRecord& epoch) {
    result.loss.push_back(epoch.train.loss);
    result.validation.push_back(epoch.validation.loss);
    result.rate.push_back(epoch.lr);
  };
  try {
    trainer.fit(few, recipe.fit);
  } catch (const ValueError&) {
    result.loss.push_back(NAN);
  }
  for (const Tensor& parameter : net.parameters()) result.parameters.push_back(parameter.detach().to(kCpu));
  return result;
}

using Curve = std::pair<std::string, std::vector<double>>;

void draw(Figure& figure, const std::string& title, const Axis& y, const std::vector<Curve>& curves) {
  Panel& panel = figure.panel({.title = title, .x = {.label = "epoch"}, .y = y});
  for (const auto& [name, values] : curves) {
    panel.line(arange(1, double(values.size()) + 1), values, {.name = name, .markers = true});
  }
}

void chapter(apps::Chapter& chapter) {
  const ImageDataset digits = chapter.digits(1000);
  const auto run = [&](const Recipe& recipe) { return train(chapter, digits, recipe); };
  Figure figure({.columns = 2});
  const Axis rate{.label = "rate", .scale = Scale::log}, loss{.label = "validation loss"};
  const Trained constant = run({.sgd = {.lr = 0.5}});
  const FitOptions waits{.batch_size = 100, .plateau = PlateauOptions{.factor = 0.3, .patience = 1}};
  const Trained plateau = run({.sgd = {.lr = 0.5}, .fit = waits});
  draw(figure, "Waiting for a plateau", rate, {{"constant", constant.rate}, {"falls", plateau.rate}});
  draw(figure, "What it brings", loss, {{"constant", constant.validation}, {"falls", plateau.validation}});
  const Trained wild = run({.sgd = {.lr = 2}});
  const Trained tame = run({.sgd = {.lr = 2}, .options = {.clipping = {.norm = 0.1}}});
  draw(figure, "A rate of 2", {.label = "training loss"},
       {{"gradients as they are", wild.loss}, {"clipped to 0.1", tame.loss}});
  const Trained noisy = run({.fit = {.batch_size = 5}});
  const Trained average = run({.options = {.average = 0.999}, .fit = {.batch_size = 5}});
  draw(figure, "Batches of 5", loss,
       {{"weights", noisy.validation}, {"averaged weights", average.validation}});
  chapter.save(figure);

  const Trained whole = run({}), parts = run({.options = {.accumulate = 4}, .fit = {.batch_size = 25}});
  const SgdOptions decay{.lr = 0.1, .weight_decay = 0.1};
  const Trained one_group = run({.sgd = decay});
  const Trained two_groups = run({.sgd = decay, .options = {.groups = no_decay_on_vectors}});
  chapter.result("lowest_rate", plateau.rate.back());
  chapter.result("loss_at_rate_2", wild.loss.back());
  chapter.result("loss_clipped", tame.loss.back());
  chapter.result("best_loss", std::ranges::min(noisy.validation));
  chapter.result("best_loss_averaged", std::ranges::min(average.validation));
  chapter.result("accumulate_difference", max(abs(parts.parameters[0] - whole.parameters[0])).item<double>());
  chapter.result("bias_with_decay", global_norm({one_group.parameters[5]}).item<double>());
  chapter.result("bias_without_decay", global_norm({two_groups.parameters[5]}).item<double>());
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"06b_steps", "Rates, clipping, accumulation, averages, groups."}, argc, argv,
                           chapter);
}
