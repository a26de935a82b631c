// Chapter 8, over- and under-fitting: 300 images are learnt by heart. Weight decay and dropout stand against
// that, and too much of them against learning at all. The doctor says which is which.
#include <fmt/format.h>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

struct Recipe {
  std::string name;
  std::string title;
  double weight_decay = 0;
  double dropout = 0;
  std::optional<EarlyStopping> early_stopping = {};
};

/// Four hidden layers of 100 units: more than 100 000 weights for 300 images.
Sequential network(double dropout) {
  Sequential net{Flatten()};
  for (int layer = 0; layer < 4; ++layer) {
    net.add(Linear({.out_features = 100, .init = Init::he})).add(ReLU());
    if (dropout > 0) net.add(Dropout(dropout));
  }
  net.add(Linear({.out_features = 10, .init = Init::he}));
  return net;
}

/// Trains on few images and draws its curves. The doctor looks on.
void train(const apps::Chapter& chapter, Figure& figure, const Recipe& recipe, const Dataset& few,
           const Dataset& validation) {
  manual_seed(chapter.seed());
  Sequential net = network(recipe.dropout);
  SGD optimizer({.lr = 0.02, .momentum = 0.9, .weight_decay = recipe.weight_decay});
  Trainer trainer(net, CrossEntropyLoss(), optimizer,
                  {.device = chapter.device(), .seed = chapter.seed(), .progress = false});
  Doctor doctor(net, {.every = 10});
  const History history = trainer.fit(few, {.epochs = chapter.choose<int64_t>(200, 40),
                                            .batch_size = 100,
                                            .validation = &validation,
                                            .early_stopping = recipe.early_stopping,
                                            .doctor = &doctor});
  plot_history(figure, history, recipe.title);
  const Metrics known = trainer.evaluate(few), fresh = trainer.evaluate(validation);
  chapter.result(recipe.name + "_training_accuracy", known.accuracy);
  chapter.result(recipe.name + "_validation_accuracy", fresh.accuracy);
  chapter.result(recipe.name + "_validation_loss", fresh.loss);
  chapter.result(recipe.name + "_epochs", double(history.epochs.size()));
  chapter.result(recipe.name + "_findings", double(doctor.findings().size()));
  fmt::print("{}: {}\n", recipe.title, doctor.report());
}

void chapter(apps::Chapter& chapter) {
  const ImageDataset images = chapter.digits(2000);
  const Subset few(images.train, 0, 300), validation(images.test, 0, images.test.size());
  const Recipe recipes[] = {
      {.name = "plain", .title = "nothing against it"},
      {.name = "weight_decay", .title = "weight decay 0.01", .weight_decay = 0.01},
      {.name = "dropout", .title = "dropout 0.2", .dropout = 0.2},
      {.name = "both", .title = "both", .weight_decay = 0.01, .dropout = 0.2},
      {.name = "early_stopping",
       .title = "early stopping",
       .early_stopping = EarlyStopping{.patience = 10, .restore_best_weights = true}},
      {.name = "too_much", .title = "too much: weight decay 0.3", .weight_decay = 0.3},
  };
  Figure figure({.title = "Learning from 300 images", .columns = 2, .panel_width = 400, .panel_height = 220});
  for (const Recipe& recipe : recipes) train(chapter, figure, recipe, few, validation);
  chapter.save(figure);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"08_generalisation", "Over- and under-fitting, and what helps."}, argc, argv,
                           chapter);
}
