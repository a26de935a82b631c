// NAdam.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// Fields without a value take the variant's own default; the textbook's are Keras's.
struct NAdamOptions {
  std::optional<double> lr = {};  // PyTorch 0.002, Keras 0.001
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::optional<double> eps = {};             // PyTorch 1e-8, Keras 1e-7
  std::optional<double> momentum_decay = {};  // PyTorch 0.004, Keras 1
  double weight_decay = 0;
  bool decoupled = false;  // the decay, as in AdamOptions
  Defaults defaults = Defaults::torch;
};

/// Adam with Nesterov momentum, which rises from step to step: mu(t) = beta1 * (1 - 0.5 * 0.96^(t *
/// momentum_decay)). m and v are Adam's; w -= lr * (mu(t+1)*m / (1 - p(t+1)) + (1 - mu(t))*g / (1 - p(t))) /
/// (sqrt(v / c2) + eps), where p(t) is the product of mu(1) .. mu(t). Throws ValueError for options out of
/// range. Source: Dozat, ICLR workshop 2016.
class NAdam final : public Optimizer {
 public:
  explicit NAdam(const NAdamOptions& options = {});
  NAdam(std::vector<Tensor> parameters, const NAdamOptions& options);
  std::string_view type_name() const override { return "NAdam"; }

 protected:
  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq"}; }
  void update(Run& run) override;

 private:
  NAdamOptions options_;  // all fields have a value
};

}  // namespace dlengine
