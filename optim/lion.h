// Lion.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// There is no Lion in PyTorch; its variant is the paper's.
struct LionOptions {
  std::optional<double> lr = {};  // the paper 1e-4, Keras 0.001
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;  // decoupled: w shrinks by lr * weight_decay
  Defaults defaults = Defaults::torch;
};

/// w -= lr * sign(beta1*m + (1 - beta1)*g), then m = beta2*m + (1 - beta2)*g. Throws ValueError for options
/// out of range. Source: Chen et al., arXiv:2302.06675.
class Lion final : public Optimizer {
 public:
  explicit Lion(const LionOptions& options = {});
  Lion(std::vector<Tensor> parameters, const LionOptions& options);
  std::string_view type_name() const override { return "Lion"; }

 protected:
  std::vector<std::string> state_names() const override { return {"exp_avg"}; }
  void update(Run& run) override;

 private:
  LionOptions options_;  // but for the rate
};

}  // namespace dlengine
