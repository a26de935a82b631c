// What all optimizers share: parameters in an arena, the step over it, and the state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/capture.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"
#include "dlengine/optim/arena.h"

namespace dlengine {

/// Whose formulas and defaults an optimizer follows where they differ; docs/numerics.md has the table.
enum class Variant : uint8_t { torch, keras };

/// Base of SGD, RMSprop and Adam. Use: zero_grad(), loss.backward(), step().
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  virtual std::string_view type_name() const = 0;

  /// Takes the parameters into this optimizer's arena and clears its state. The constructors that get
  /// parameters call it; a Trainer calls it for optimizers made from options alone. Throws as Arena's
  /// constructor.
  void attach(std::vector<Tensor> parameters);
  bool attached() const { return !arena_.parameters().empty(); }
  const std::vector<Tensor>& parameters() const { return arena_.parameters(); }

  /// Updates every parameter that has a gradient: one kernel for each run of neighbours that have one. Throws
  /// ValueError if not attached or if parameters were moved since.
  void step();
  /// Forgets the gradients; their memory is kept.
  void zero_grad();

  /// The rate of the next step.
  double lr() const;
  /// Throws ValueError unless lr >= 0 and finite.
  void set_lr(double lr) { set_lr(std::vector{lr}); }
  /// The rates of the coming steps, one each; after them the last one stays. A recorded step finds them on
  /// the device, so that a rate that changes costs it nothing. Throws ValueError for no rate, or one as
  /// above.
  void set_lr(std::vector<double> rates);
  /// Calls of step(). What a bias correction counts is the updates of each parameter.
  int64_t step_count() const { return step_count_; }

  /// All that the next step depends on besides parameters, gradients and options, for checkpoints:
  /// "0.exp_avg" and so on for each parameter by number (shared memory), "updates" i64 [parameters] and
  /// "step_count" i64 [].
  NamedTensors state() const;
  /// Throws ValueError that lists missing and unexpected names, or for counts < 0; ShapeError for sizes that
  /// differ; then nothing was changed.
  void load_state(const NamedTensors& state);

 protected:
  explicit Optimizer(double lr) { set_lr(lr); }
  /// Names of the state tensors, each as long as the arena.
  virtual std::vector<std::string> state_names() const = 0;
  /// One update of w by g, flat; state tensors are in the order of state_names().
  virtual void update(Tensor& w, const Tensor& g, std::vector<Tensor>& state, const UpdateClock& clock) = 0;

 private:
  LiveWords live_words();
  const double* live_lr();
  void count_rate();

  Arena arena_;
  std::vector<Tensor> state_;     // each [n]
  std::vector<int64_t> updates_;  // of each parameter
  std::vector<double> rates_;     // of the coming steps, from the last set_lr() on
  size_t next_rate_ = 0;          // at most rates_.size()
  Tensor live_rates_;  // f64 [rates_.size() + 1] on the device, the last one twice; undefined: not sent
  int64_t step_count_ = 0;
};

}  // namespace dlengine
