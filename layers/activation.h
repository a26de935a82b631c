// Activation functions as layers; x of any shape.
#pragma once

#include <string>
#include <string_view>

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
