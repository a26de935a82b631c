// Chapter 11b, attention: it learns to read backwards.
#include "apps/course/course.h"
#include "dlengine/dlengine.h"

using namespace dlengine;

namespace {

constexpr int64_t kSymbols = 8;

/// Every output is the symbol at the mirrored place.
void chapter(apps::Chapter& chapter) {
  const Tensor x = choice(kSymbols, {chapter.choose(8000, 2000), 10});
  const TensorDataset sequences(x, flip(x, {1}));
  Sequential net{Embedding({.num_embeddings = kSymbols, .embedding_dim = 32}),
                 PositionalEncoding({.max_length = 10}), MultiheadAttention({.num_heads = 1}),
                 Linear({.out_features = kSymbols})};
  const auto loss = [](const Tensor& logits, const Tensor& labels) {
    return cross_entropy(logits.flatten(0, 1), labels.flatten());
  };
  Adam optimizer({.lr = 0.003});
  Trainer trainer(net, loss, optimizer,
                  {.device = chapter.device(), .progress = false, .replay = Replay::always});
  trainer.fit(sequences, {.epochs = chapter.choose<int64_t>(10, 5), .batch_size = 64});
  const Tensor fresh = choice(kSymbols, {500, 10}), said = argmax(trainer.predict(fresh), 2);
  chapter.result("reversed_right", mean(equal(said, flip(fresh, {1})).to(DType::f32)).item<double>());

  const NoGrad no_grad;
  const Tensor at = net[1](net[0](fresh.slice(0, 0, 1).to(chapter.device())));
  const auto looks = dynamic_cast<MultiheadAttention&>(net[2]).attend({at, at, at}).weights;
  Figure figure;
  figure
      .panel({.title = "Where attention looks to read backwards",
              .x = {.label = "place it looks at"},
              .y = {.label = "place it writes"}})
      .heat_map(looks.reshape({10, 10}), {.label = "weight"});
  chapter.save(figure);
}

}  // namespace

int main(int argc, char** argv) {
  return apps::run_chapter({"11b_attention", "Attention."}, argc, argv, chapter);
}
