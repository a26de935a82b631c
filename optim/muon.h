// Muon.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dlengine/optim/optimizer.h"

namespace dlengine {

struct MuonOptions {
  double lr = 0.02;  // in units of the spectral norm of an update
  double momentum = 0.95;
  bool nesterov = true;
  int steps = 5;            // of the Newton-Schulz iteration
  double weight_decay = 0;  // decoupled: w shrinks by its rate * weight_decay
  // AdamW, for parameters that are no matrices; its rate follows changes of lr.
  double adam_lr = 3e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-10;
};

/// The nearest matrix to x [M, N] with singular values of about one (0.7 to 1.2), by the Newton-Schulz
/// iteration of Muon in x's own type. Grads: x. Throws ShapeError.
Tensor newton_schulz(const Tensor& x, int steps = 5);

/// Momentum whose direction is made orthogonal: m = momentum*m + (1 - momentum)*g, d = newton_schulz((1 -
/// momentum)*g + momentum*m), w -= lr * sqrt(max(1, M/N)) * d for matrices w [M, N]. Filters [M, C, R, S]
/// count as [M, C*R*S]; vectors and scalars are AdamW's. Embeddings and the last layer are said to do better
/// with Adam: give them to another optimizer. Matrices are updated one by one, by tensor operations. Throws
/// ValueError for options out of range. Source: Jordan et al., kellerjordan.github.io/posts/muon, 2024.
class Muon final : public Optimizer {
 public:
  explicit Muon(const MuonOptions& options = {});
  Muon(std::vector<Tensor> parameters, const MuonOptions& options);
  std::string_view type_name() const override { return "Muon"; }

 protected:
  std::vector<std::string> state_names() const override { return {"momentum_buffer", "exp_avg_sq"}; }
  void update(Run& run) override;

 private:
  void update_matrix(const Run& run, size_t i);
  void update_others(const Run& run, size_t first, size_t last);

  MuonOptions options_;
};

}  // namespace dlengine
