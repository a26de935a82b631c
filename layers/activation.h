// Activation functions as layers; x of any shape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dlengine/core/ops/activation.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// max(x, 0)
class ReLU final : public Module {
 public:
  Ending as_ending() const override { return Activation::relu; }
  std::string_view type_name() const override { return "ReLU"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// 1 / (1 + exp(-x))
class Sigmoid final : public Module {
 public:
  std::string_view type_name() const override { return "Sigmoid"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

class Tanh final : public Module {
 public:
  std::string_view type_name() const override { return "Tanh"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// x itself.
class Identity final : public Module {
 public:
  std::string_view type_name() const override { return "Identity"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// x where x > 0, else negative_slope * x.
class LeakyReLU final : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  std::string_view type_name() const override { return "LeakyReLU"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  double negative_slope_;
};

struct PReLUOptions {
  int64_t num_parameters = 1;  // one slope for all channels, or one for each
  double init = 0.25;
};

/// x where x > 0, else weight * x with a learned weight. Parameter: weight [num_parameters]. Throws
/// ValueError unless num_parameters > 0.
class PReLU final : public Module {
 public:
  explicit PReLU(const PReLUOptions& options = {});
  std::string_view type_name() const override { return "PReLU"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override { visitor.parameter("weight", weight_); }
  void build() override;

 private:
  void make(DType dtype, Device device);

  PReLUOptions options_;
  Tensor weight_;
};

/// x where x > 0, else alpha * (exp(x) - 1).
class ELU final : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  std::string_view type_name() const override { return "ELU"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  double alpha_;
};

/// ELU, scaled so that mean 0 and variance 1 are kept.
class SELU final : public Module {
 public:
  std::string_view type_name() const override { return "SELU"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// x times the probability that a normal number is below x.
class GELU final : public Module {
 public:
  explicit GELU(GeluForm approximate = GeluForm::exact) : form_(approximate) {}
  std::string_view type_name() const override { return "GELU"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  GeluForm form_;
};

/// x * sigmoid(x)
class SiLU final : public Module {
 public:
  std::string_view type_name() const override { return "SiLU"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// log(1 + exp(beta * x)) / beta, exact for all x; so PyTorch's threshold is not needed.
class Softplus final : public Module {
 public:
  explicit Softplus(double beta = 1) : beta_(beta) {}
  std::string_view type_name() const override { return "Softplus"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  double beta_;
};

/// x * tanh(softplus(x))
class Mish final : public Module {
 public:
  std::string_view type_name() const override { return "Mish"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// x / (1 + |x|)
class Softsign final : public Module {
 public:
  std::string_view type_name() const override { return "Softsign"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// log(sigmoid(x))
class LogSigmoid final : public Module {
 public:
  std::string_view type_name() const override { return "LogSigmoid"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// x cut to min_val .. max_val.
class Hardtanh final : public Module {
 public:
  explicit Hardtanh(double min_val = -1, double max_val = 1) : min_val_(min_val), max_val_(max_val) {}
  std::string_view type_name() const override { return "Hardtanh"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  double min_val_, max_val_;
};

/// x cut to 0 .. 6.
class ReLU6 final : public Module {
 public:
  std::string_view type_name() const override { return "ReLU6"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// (x + 3) / 6 cut to 0 .. 1.
class Hardsigmoid final : public Module {
 public:
  std::string_view type_name() const override { return "Hardsigmoid"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// x * hardsigmoid(x)
class Hardswish final : public Module {
 public:
  std::string_view type_name() const override { return "Hardswish"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// 1 where x > 0, else 0: the perceptron's. Its slope is 0 throughout, so nothing in front of it learns.
class Step final : public Module {
 public:
  std::string_view type_name() const override { return "Step"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

/// exp(x) / sum(exp(x)) along an axis, by default the last. To train, leave it out: CrossEntropyLoss takes
/// logits.
class Softmax final : public Module {
 public:
  explicit Softmax(int axis = -1) : axis_(axis) {}
  std::string_view type_name() const override { return "Softmax"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  int axis_;
};

/// The logarithm of Softmax, exact also where that underflows.
class LogSoftmax final : public Module {
 public:
  explicit LogSoftmax(int axis = -1) : axis_(axis) {}
  std::string_view type_name() const override { return "LogSoftmax"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  int axis_;
};

}  // namespace dlengine
