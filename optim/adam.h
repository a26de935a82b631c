// Adam and AdamW.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// A field without a value takes the variant's own default.
struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::optional<double> eps = {};  // PyTorch 1e-8, Keras and textbook 1e-7
  double weight_decay = 0;
  bool decoupled =
      false;  // AdamW: w shrinks by lr * weight_decay; else w * weight_decay is added to the gradient (L2)
  Defaults defaults = Defaults::torch;
};

/// m = beta1*m + (1 - beta1)*g, v = beta2*v + (1 - beta2)*g^2, with corrections c = 1 - beta^count. PyTorch
/// steps by lr/c1 * m / (sqrt(v/c2) + eps), Keras and the textbook by lr*sqrt(c2)/c1 * m / (sqrt(v) + eps).
/// Keras only knows decoupled decay. Throws ValueError for options out of range. Source: Kingma and Ba,
/// arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101.
class Adam final : public Optimizer {
 public:
  explicit Adam(const AdamOptions& options = {});
  Adam(std::vector<Tensor> parameters, const AdamOptions& options);
  std::string_view type_name() const override { return options_.decoupled ? "AdamW" : "Adam"; }

 protected:
  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq"}; }
  void update(Run& run) override;

 private:
  AdamOptions options_;
};

}  // namespace dlengine
