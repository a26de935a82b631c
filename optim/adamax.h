// Adamax.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// Fields without a value take the variant's own default; the textbook's are Keras's.
struct AdamaxOptions {
  std::optional<double> lr = {};  // PyTorch 0.002, Keras 0.001
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::optional<double> eps = {};  // PyTorch 1e-8, Keras 1e-7
  double weight_decay = 0;
  bool decoupled = false;  // the decay, as in AdamOptions
  Defaults defaults = Defaults::torch;
};

/// m = beta1*m + (1 - beta1)*g, u = max(beta2*u, |g|), w -= lr / (1 - beta1^count) * m / u. PyTorch adds eps
/// to |g|, Keras to u where it divides. Throws ValueError for options out of range. Source: Kingma and Ba,
/// arXiv:1412.6980, section 7.1.
class Adamax final : public Optimizer {
 public:
  explicit Adamax(const AdamaxOptions& options = {});
  Adamax(std::vector<Tensor> parameters, const AdamaxOptions& options);
  std::string_view type_name() const override { return "Adamax"; }

 protected:
  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_inf"}; }
  void update(Run& run) override;

 private:
  AdamaxOptions options_;  // all fields have a value
};

}  // namespace dlengine
