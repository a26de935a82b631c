// Trains a small network on XOR of signs, as a user of the installed library would; fails below 95 %
// accuracy.
#include <dlengine/dlengine.h>

#include <cstdint>
#include <cstdio>
#include <vector>

using namespace dlengine;

int main() {
  manual_seed(1);
  const Tensor x = rand({1024, 2}, -1, 1);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 1024; ++i) {
    labels.push_back(x.data<float>()[2 * i] * x.data<float>()[2 * i + 1] > 0 ? 1 : 0);
  }
  const TensorDataset data(x, from_vector(labels, {1024}));

  Sequential model(Linear({.out_features = 32}), ReLU(), Linear({.out_features = 2}));
  Adam optimizer({.lr = 0.01});
  Trainer trainer(model, CrossEntropyLoss(), optimizer, {.progress = false});
  trainer.fit(data, {.epochs = 20, .batch_size = 32});
  const double accuracy = trainer.evaluate(data).accuracy;
  std::printf("accuracy %.4f\n", accuracy);
  return accuracy > 0.95 ? 0 : 1;
}
