// Chapter 11, sequences: what three recurrent layers remember, and a wave that one of them goes on with by
// itself.
#include <numbers>

#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

constexpr int64_t kSymbols = 8;

Tensor symbols(int64_t samples, int64_t length) { return choice(kSymbols, {samples, length}); }

/// The validation accuracy of each epoch of naming the first symbol of a sequence after its last.
template <typename Layer>
void remember(const apps::Chapter& chapter, Panel& panel, const std::string& name) {
  manual_seed(chapter.seed());
  const Tensor x = symbols(chapter.choose<int64_t>(8000, 4000), chapter.choose<int64_t>(20, 6));
  const TensorDataset sequences(x, x.select(1, 0));
  Sequential net{Embedding({.num_embeddings = kSymbols, .embedding_dim = 16}),
                 Layer({.hidden_size = 32, .return_sequences = false}), Linear({.out_features = kSymbols})};
  Adam optimizer({.lr = 0.005});
  const TrainerOptions options{.device = chapter.device(), .progress = false, .clipping = {.norm = 1}};
  Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
  std::vector<double> accuracies;
  const FitOptions fit{.epochs = chapter.choose<int64_t>(20, 4), .batch_size = 64, .validation_split = 0.2};
  for (const EpochRecord& epoch : trainer.fit(sequences, fit).epochs) {
    accuracies.push_back(epoch.validation.accuracy);
  }
  panel.line(arange(1, double(accuracies.size()) + 1), accuracies, {.name = name});
  chapter.result("remembers_" + name, accuracies.back());
}

/// Two sines of different lengths, at any times.
Tensor wave(const Tensor& times) {
  return sin(times * (2 * std::numbers::pi / 25)) + 0.5 * sin(times * (2 * std::numbers::pi / 9));
}

/// Learns the next value at every time; then each value it says is the next that it reads.
void forecast(const apps::Chapter& chapter, Panel& panel) {
  const Tensor times = arange(0, 400).unsqueeze(1) + arange(0, 51).unsqueeze(0);  // 400 stretches
  const Tensor values = wave(times).unsqueeze(2);
  const TensorDataset stretches(values.slice(1, 0, 50), values.slice(1, 1, 51));
  Sequential net{LSTM({.hidden_size = 32}), Linear({.out_features = 1})};
  Adam optimizer({.lr = 0.01});
  Trainer trainer(net, MSELoss(), optimizer, {.device = chapter.device(), .progress = false});
  trainer.fit(stretches, {.epochs = chapter.choose<int64_t>(60, 8), .batch_size = 32});

  const NoGrad no_grad;
  auto& lstm = dynamic_cast<LSTM&>(net[0]);
  Tensor read = wave(arange(500, 550)).reshape({1, 50, 1}).to(chapter.device());
  std::vector<float> said;
  RecurrentState state;
  for (int step = 0; step < 100; ++step) {
    const RecurrentLayer::Output output = lstm.run(read, state);
    state = output.state;
    read = net[1](output.sequence.slice(1, -1));  // [1, 1, 1]: after the last time
    said.push_back(read.item<float>());
  }
  const Tensor later = arange(550, 650), truth = wave(later);
  panel.line(arange(500, 650), wave(arange(500, 650)), {.name = "the wave", .dashed = true});
  panel.line(later, said, {.name = "the LSTM, by itself"});
  chapter.result("forecast_error", mean(square(from_vector(said, {100}) - truth)).item<double>());
  chapter.result("error_of_zero", mean(square(truth)).item<double>());
}

void chapter(apps::Chapter& chapter) {
  Figure figure({.title = "Sequences", .columns = 2});
  const Axis epoch{.label = "epoch"}, share{.label = "right", .from = 0, .to = 1}, time{.label = "time"};
  Panel& memory = figure.panel({.title = "The first of 20 symbols, after the last", .x = epoch, .y = share});
  remember<RNN>(chapter, memory, "RNN");
  remember<LSTM>(chapter, memory, "LSTM");
  remember<GRU>(chapter, memory, "GRU");
  forecast(chapter, figure.panel({.title = "A wave goes on", .x = time, .y = {.label = "value"}}));
  chapter.save(figure);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"11_sequences", "Recurrent layers."}, argc, argv, chapter);
}
