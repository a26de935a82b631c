// RMSprop.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// Fields without a value take the variant's own default.
struct RmspropOptions {
  std::optional<double> lr = {};   // PyTorch and textbook 0.01, Keras 0.001
  std::optional<double> rho = {};  // share of the mean square that is kept; PyTorch ("alpha") and textbook
                                   // 0.99, Keras 0.9
  std::optional<double> eps = {};  // PyTorch 1e-8, Keras and textbook 1e-7
  double momentum = 0;
  double weight_decay = 0;
  bool decoupled = false;  // the decay, as in AdamOptions; Keras only knows decoupled decay
  Defaults defaults = Defaults::torch;
};

/// v = rho*v + (1 - rho)*g^2; PyTorch and the textbook step by lr * g / (sqrt(v) + eps), Keras by
/// lr * g / sqrt(v + eps). With momentum these steps run through a velocity, which does not hold the learning
/// rate in PyTorch's form and does in the others. Throws ValueError for options out of range. Source:
/// Tieleman and Hinton, Coursera lecture 6.5, 2012.
class RMSprop final : public Optimizer {
 public:
  explicit RMSprop(const RmspropOptions& options = {});
  RMSprop(std::vector<Tensor> parameters, const RmspropOptions& options);
  std::string_view type_name() const override { return "RMSprop"; }

 protected:
  std::vector<std::string> state_names() const override;
  void update(Run& run) override;

 private:
  RmspropOptions options_;  // all fields have a value
};

}  // namespace dlengine
