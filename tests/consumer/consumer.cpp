// Trains a small network on XOR of signs and prints, as a user of the installed library would; fails below
// 95 % accuracy.
#include <dlengine/dlengine.h>

#include <cstdint>
#include <iostream>
#include <sstream>
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
  const Tensor corners = tensor({{1, 1}, {1, -1}}), outputs = model(corners);
  std::ostringstream text;
  text << corners.dtype() << ' ' << corners.shape() << ' ' << corners.device() << ": " << corners;
  std::cout << "accuracy " << accuracy << "\noutputs for the corners\n"
            << corners << "\nare\n"
            << outputs << '\n';
  return accuracy > 0.95 && text.str() == "f32 [2, 2] cpu: " + to_string(corners) ? 0 : 1;
}
