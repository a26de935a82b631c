// Stochastic gradient descent with momentum.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

struct SgdOptions {
  double lr = 0.01;
  double momentum = 0;
  double dampening =
      0;  // the share of a new gradient that is left out of the velocity; PyTorch's variant only
  double weight_decay = 0;
  bool decoupled = false;  // the decay, as in AdamOptions; Keras only knows decoupled decay
  bool nesterov = false;
  Defaults defaults = Defaults::torch;
};

/// PyTorch: v = momentum*v + g, w -= lr*v; Nesterov steps by g + momentum*v. Keras: v = momentum*v - lr*g, w
/// += v; Nesterov steps by momentum*v - lr*g. Both are the same until the learning rate changes; the
/// textbook's form is Keras's. Throws ValueError for options out of range. Source: Sutskever, Martens, Dahl,
/// Hinton, ICML 2013.
class SGD final : public Optimizer {
 public:
  explicit SGD(const SgdOptions& options = {});
  SGD(std::vector<Tensor> parameters, const SgdOptions& options);
  std::string_view type_name() const override { return "SGD"; }

 protected:
  std::vector<std::string> state_names() const override;
  void update(Run& run) override;

 private:
  SgdOptions options_;
};

}  // namespace dlengine
