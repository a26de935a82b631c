// AdaGrad.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// Fields without a value take the variant's own default.
struct AdagradOptions {
  std::optional<double> lr = {};  // PyTorch and textbook 0.01, Keras 0.001
  double lr_decay = 0;            // step t has the rate lr / (1 + (t - 1) * lr_decay); PyTorch's variant only
  std::optional<double> start = {};  // of the sum of squares; PyTorch and textbook 0, Keras 0.1
  std::optional<double> eps = {};    // PyTorch 1e-10, Keras and textbook 1e-7
  double weight_decay = 0;
  bool decoupled = false;  // the decay, as in AdamOptions
  Defaults defaults = Defaults::torch;
};

/// s += g^2; PyTorch and the textbook step by lr * g / (sqrt(s) + eps), Keras by lr * g / sqrt(s + eps).
/// Throws ValueError for options out of range. Source: Duchi, Hazan, Singer, JMLR 12, 2011.
class Adagrad final : public Optimizer {
 public:
  explicit Adagrad(const AdagradOptions& options = {});
  Adagrad(std::vector<Tensor> parameters, const AdagradOptions& options);
  std::string_view type_name() const override { return "Adagrad"; }

 protected:
  std::vector<std::string> state_names() const override { return {"sum"}; }
  double initial_state() const override { return *options_.start; }
  void update(Run& run) override;

 private:
  AdagradOptions options_;  // all fields have a value
};

}  // namespace dlengine
