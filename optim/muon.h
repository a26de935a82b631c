// Muon.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

/// Fields without a value take the variant's own default; PyTorch's and the textbook's are the author's.
struct MuonOptions {
  std::optional<double> lr = {};  // the author 0.02, Keras 0.001
  double momentum = 0.95;
  bool nesterov = true;
  int steps = 5;                            // of the Newton-Schulz iteration
  std::optional<double> weight_decay = {};  // decoupled: w shrinks by its rate * weight_decay; the author 0,
                                            // Keras 0.004
  // AdamW, for parameters that are no matrices; its rate follows changes of lr.
  std::optional<double> adam_lr = {};  // the author 3e-4, Keras as lr
  double beta1 = 0.9;
  std::optional<double> beta2 = {};  // the author 0.95, Keras 0.999
  std::optional<double> eps = {};    // the author 1e-10, Keras 1e-7
  Defaults defaults = Defaults::torch;
};

/// The nearest matrix to x [M, N] with singular values of about one (0.7 to 1.2), by the Newton-Schulz
/// iteration of Muon in x's own type. Grads: x. Throws ShapeError.
Tensor newton_schulz(const Tensor& x, int steps = 5);

/// Momentum whose direction is made orthogonal: m = momentum*m + (1 - momentum)*g, d = newton_schulz((1 -
/// momentum)*g + momentum*m), w -= lr * sqrt(max(1, M/N)) * d for matrices w [M, N]. Filters [M, C, R, S]
/// count as [M, C*R*S]; vectors and scalars are AdamW's. Keras: m = momentum*m + g, d = newton_schulz(g +
/// momentum*m), w -= lr * 0.2 * sqrt(max(M, N)) * d, so that lr is as Adam's; filters are AdamW's as well.
/// Embeddings and the last layer are said to do better with Adam: give them to another optimizer. Matrices
/// are updated one by one, by tensor operations. Throws ValueError for options out of range. Source: Jordan
/// et al., kellerjordan.github.io/posts/muon, 2024; Liu et al., arXiv:2502.16982.
class Muon final : public Optimizer {
 public:
  explicit Muon(const MuonOptions& options = {});
  Muon(std::vector<Tensor> parameters, const MuonOptions& options);
  std::string_view type_name() const override { return "Muon"; }

 protected:
  std::vector<std::string> state_names() const override { return {"momentum_buffer", "exp_avg_sq"}; }
  void update(Run& run) override;

 private:
  bool is_matrix(const Tensor& parameter) const;
  void update_matrix(const Run& run, size_t i);
  void update_others(const Run& run, size_t first, size_t last);

  MuonOptions options_;  // all fields have a value
};

}  // namespace dlengine
