// Chapter 9, the search for hyper-parameters: random trials on logarithmic ranges, narrower ranges round the
// best ones, and successive halving, which spends its epochs on the trials that promise something.
#include <fmt/format.h>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

Sequential network() {
  Sequential net{Flatten()};
  for (int layer = 0; layer < 3; ++layer)
    net.add(Linear({.out_features = 100, .init = Init::he})).add(ReLU());
  net.add(Linear({.out_features = 10, .init = Init::he}));
  return net;
}

/// The validation accuracy after trial.budget epochs on the first 80 % of the images.
ScoreFunction score_on(const Dataset& images, Device device) {
  return [&images, device](const Trial& trial) -> TrialScore {
    Sequential net = network();
    SGD optimizer({.lr = trial.number("lr"), .weight_decay = trial.number("weight_decay")});
    Trainer trainer(net, CrossEntropyLoss(), optimizer,
                    {.device = device, .seed = trial.seed, .progress = false});
    return trainer.fit(images, {.epochs = trial.budget, .batch_size = 100, .validation_split = 0.2});
  };
}

void report(const apps::Chapter& chapter, const std::string& name, const SearchResult& result) {
  const Trial best = result.best();
  int64_t epochs = 0;
  for (const Trial& trial : result.trials) epochs += trial.budget;
  fmt::print("{}: the best in {} epochs has {}\n", name, epochs, to_string(best.parameters));
  chapter.result(name + "_best", best.score);
  chapter.result(name + "_epochs", double(epochs));
}

/// The trials' scores over one of their parameters, each round in its colour.
void plot_rounds(Figure& figure, const SearchResult& result, const std::string& parameter,
                 size_t trials_of_round) {
  Panel& panel =
      figure.panel({.x = {.label = parameter, .scale = Scale::log}, .y = {.label = "validation accuracy"}});
  for (size_t first = 0; first < result.trials.size(); first += trials_of_round) {
    std::vector<double> x, y;
    for (size_t i = first; i < first + trials_of_round; ++i) {
      x.push_back(result.trials[i].number(parameter));
      y.push_back(result.trials[i].score);
    }
    panel.scatter(x, y, {.name = fmt::format("round {}", first / trials_of_round + 1)});
  }
}

void chapter(apps::Chapter& chapter) {
  const ImageDataset images = chapter.digits(200);
  const Subset few(images.train, 0, chapter.choose<int64_t>(500, 200));
  SearchSpace space;
  space.log("lr", 1e-6, 1e-1).log("weight_decay", 1e-8, 1e-1);
  const ScoreFunction score = score_on(few, chapter.device());
  const int64_t epochs = chapter.choose<int64_t>(50, 8);
  const SearchOptions usual{.seed = chapter.seed(), .budget = epochs, .workers = num_threads()};

  SearchOptions random = usual;
  random.trials = chapter.choose<int64_t>(100, 8);
  random.table = chapter.path("09_search.jsonl");
  random.name = fmt::format("accuracy on {} of {}", few.size(), chapter.dataset());
  const SearchResult all = search(space, score, random);
  report(chapter, "random", all);
  Figure top({.title = "Random search: the best of its trials",
              .columns = 5,
              .panel_width = 220,
              .panel_height = 200});
  plot_trials(top, all.ranked(), chapter.choose<int64_t>(20, 4), "accuracy");
  chapter.save(top);

  SearchOptions narrowing = usual;
  narrowing.trials = random.trials / 4;
  narrowing.rounds = 3;
  const SearchResult rounds = search(space, score, narrowing);
  report(chapter, "narrowing", rounds);
  Figure ranges({.title = "Ranges narrow round the best trials", .columns = 2});
  for (const char* parameter : {"lr", "weight_decay"})
    plot_rounds(ranges, rounds, parameter, size_t(narrowing.trials));
  chapter.save(ranges, "ranges");

  SearchOptions halving = random;
  halving.table.clear();
  halving.budget = std::max<int64_t>(1, epochs / 8);
  halving.halving = 2;
  halving.largest_budget = epochs;
  report(chapter, "halving", search(space, score, halving));
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"09_search", "The search for hyper-parameters."}, argc, argv, chapter);
}
