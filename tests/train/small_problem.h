// A problem that trains in milliseconds, and what the tests of train/ need around it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "dlengine/core/factory.h"
#include "dlengine/data/dataset.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/optim.h"
#include "dlengine/train/trainer.h"

namespace dlengine::test {

/// 30 points around three centres; class i lies around (3i, -2i).
inline TensorDataset three_clouds(int64_t count = 30) {
  std::vector<float> x;
  std::vector<int64_t> y;
  Generator random(7);
  const std::vector<float> noise = randn({count, 2}, 0, 0.5, DType::f32, kCpu, random).to_vector<float>();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = i % 3;
    y.push_back(label);
    x.push_back(noise[size_t(2 * i)] + 3 * float(label));
    x.push_back(noise[size_t(2 * i + 1)] - 2 * float(label));
  }
  return {from_vector(x, {count, 2}), from_vector(y, {count})};
}

/// With dropout, so that the random state matters; one input size is left to be found.
inline Sequential small_net() {
  return Sequential(Linear({.out_features = 16}), ReLU(), Dropout(0.2),
                    Linear({.in_features = 16, .out_features = 3}));
}

inline TrainerOptions quiet() {
  TrainerOptions options;
  options.progress = false;
  return options;
}

/// All that one training needs, started from a seed. Weights and dropout draw from this thread's one
/// generator, so fit before making the next one.
struct SmallTraining {
  explicit SmallTraining(uint64_t seed = 1, const TrainerOptions& options = quiet())
      : net((manual_seed(seed), small_net())), trainer(net, CrossEntropyLoss(), optimizer, options) {}

  Sequential net;
  Adam optimizer{AdamOptions{.lr = 0.01}};
  Trainer trainer;
};

inline std::vector<float> weights(Module& net) {
  std::vector<float> all;
  for (const auto& [name, tensor] : net.state()) {
    const std::vector<float> values = tensor.to_vector<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A path of this test alone; the file is removed at the end.
class TempFile {
 public:
  explicit TempFile(const std::string& name)
      : path_(testing::TempDir() + "dlengine_" + std::to_string(getpid()) + "_" + name) {}
  ~TempFile() { unlink(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace dlengine::test
