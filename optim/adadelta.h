// Adadelta.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// Fields without a value take the variant's own default; the textbook's are the paper's.
struct AdadeltaOptions {
  std::optional<double> lr = {};   // PyTorch and textbook 1, Keras 0.001
  std::optional<double> rho = {};  // share of the means that is kept; PyTorch 0.9, Keras and textbook 0.95
  std::optional<double> eps = {};  // PyTorch and textbook 1e-6, Keras 1e-7
  double weight_decay = 0;
  bool decoupled = false;  // the decay, as in AdamOptions
  Defaults defaults = Defaults::torch;
};

/// v = rho*v + (1 - rho)*g^2, d = g * sqrt(u + eps) / sqrt(v + eps), u = rho*u + (1 - rho)*d^2, w -= lr*d.
/// Throws ValueError for options out of range. Source: Zeiler, arXiv:1212.5701.
class Adadelta final : public Optimizer {
 public:
  explicit Adadelta(const AdadeltaOptions& options = {});
  Adadelta(std::vector<Tensor> parameters, const AdadeltaOptions& options);
  std::string_view type_name() const override { return "Adadelta"; }

 protected:
  std::vector<std::string> state_names() const override { return {"square_avg", "acc_delta"}; }
  void update(Run& run) override;

 private:
  AdadeltaOptions options_;  // all fields have a value
};

}  // namespace dlengine
