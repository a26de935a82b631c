// What all optimizers share: parameters in an arena, the step over it, and the state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/capture.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"
#include "dlengine/optim/arena.h"
#include "dlengine/optim/clipping.h"

namespace dlengine {

/// Whose formulas and defaults an optimizer follows where they differ; docs/numerics.md has the table.
enum class Defaults : uint8_t { torch, keras, textbook };

/// Parameters that an optimizer treats alike.
struct ParameterGroup {
  std::vector<Tensor> parameters;
  double lr_factor = 1;                     // on the optimizer's rate
  std::optional<double> weight_decay = {};  // without a value: the optimizer's own
};

/// Two groups: matrices and filters, and, without weight decay, vectors and scalars, which are biases and the
/// factors of norms. A group of no parameters is left out.
std::vector<ParameterGroup> no_decay_on_vectors(const std::vector<Tensor>& parameters);

/// Base of all optimizers. Use: zero_grad(), loss.backward(), step(). Gradients add up until zero_grad(), so
/// several backward() calls before a step() make one large batch of several small ones.
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
  /// The same for groups, whose parameters lie one group after the other. Throws ValueError, too, for a
  /// factor or decay < 0, and for weight decay that is not decoupled in Keras's variant.
  void attach(std::vector<ParameterGroup> groups);
  bool attached() const { return !arena_.parameters().empty(); }
  const std::vector<Tensor>& parameters() const { return arena_.parameters(); }

  /// Updates every parameter that has a gradient: one kernel for each run of neighbours that have one and are
  /// treated alike. Throws ValueError if not attached or if parameters were moved since.
  void step();
  /// Forgets the gradients; their memory is kept.
  void zero_grad();

  /// How step() clips gradients; the gradients themselves stay as they are. Throws ValueError for a bound <
  /// 0.
  void set_clipping(const Clipping& clipping);
  /// Euclidean norm of all gradients together, [] on the device; 0 if there are none. Throws ValueError if
  /// not attached.
  Tensor gradient_norm();

  /// From now on step() keeps an average of the parameters: decay * average + (1 - decay) * parameters, which
  /// the first step after attach() sets to the parameters, as in Keras. AveragedWeights shows it. Throws
  /// ValueError unless 0 <= decay < 1, and after steps without an average.
  void average_weights(double decay);
  bool averages_weights() const { return average_decay_.has_value(); }
  /// True while AveragedWeights shows it.
  bool shows_average() const { return average_shown_; }

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
  /// "step_count" i64 []; with an average, "0.average" and so on.
  NamedTensors state() const;
  /// Throws ValueError that lists missing and unexpected names, or for counts < 0; ShapeError for sizes that
  /// differ; then nothing was changed.
  void load_state(const NamedTensors& state);
  /// Throws what load_state(state) would if this optimizer were attached to these parameters.
  void check_state(const std::vector<Tensor>& parameters, const NamedTensors& state) const;

 protected:
  /// decays: whether there is weight decay of this kind in this variant.
  explicit Optimizer(double lr, double weight_decay = 0, bool decays = true);

  /// Neighbours in the arena that are updated together; tensors are flat and equally long.
  struct Run {
    Tensor w, g;
    std::vector<Tensor> state;  // in the order of state_names()
    UpdateClock clock;
    double weight_decay;
    size_t first, last;  // their numbers, from first up to but without last
  };

  /// Names of the state tensors, each as long as the arena.
  virtual std::vector<std::string> state_names() const = 0;
  /// What the state tensors begin with.
  virtual double initial_state() const { return 0; }
  virtual void update(Run& run) = 0;
  /// Parameter number i of the run, in one of its tensors: a view of the parameter's shape.
  Tensor part(const Run& run, const Tensor& flat, size_t i) const { return arena_.part(flat, run.first, i); }

 private:
  friend class AveragedWeights;
  /// How a parameter is treated.
  struct Treatment {
    double lr_factor, weight_decay;
    bool operator==(const Treatment&) const = default;
  };

  /// What a recorded step takes from the host once and for all.
  struct Settings {
    Tensor arena;
    std::vector<char> trained;  // of each parameter, whether it requires a gradient
    Clipping clipping;
    std::optional<double> average_decay;
  };

  void attach(std::vector<Tensor> parameters, std::vector<Treatment> treatments);
  void check_attached() const;
  std::vector<std::string> slot_names() const;
  Settings settings() const;
  bool has(const Settings& settings) const;
  std::vector<Run> runs() const;
  void make_live(std::vector<Run>& runs);
  void clip(std::vector<Run>& runs) const;
  void start_average();
  void update_average();
  const double* live_lr();
  void count_rate();

  double weight_decay_;
  bool decays_;
  Clipping clipping_;
  Arena arena_;
  std::vector<Treatment> treatments_;  // of each parameter
  std::vector<Tensor> state_;          // each [n]
  std::vector<int64_t> updates_;       // of each parameter
  std::vector<double> rates_;          // of the coming steps, from the last set_lr() on
  size_t next_rate_ = 0;               // at most rates_.size()
  Tensor live_rates_;  // f64 [rates_.size() + 1] on the device, the last one twice; undefined: not sent
  int64_t step_count_ = 0;
  std::optional<double> average_decay_;
  Tensor average_;  // [n]
  bool average_shown_ = false;
};

/// While one lives, the optimizer's parameters have the values of their average, for evaluation or saving,
/// and step() is refused; what is written to them is lost. Throws ValueError if the optimizer is not
/// attached, keeps no average, or shows it already.
class AveragedWeights {
 public:
  explicit AveragedWeights(Optimizer& optimizer);
  ~AveragedWeights();
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  Optimizer& optimizer_;
  Tensor values_;  // of the parameters
};

}  // namespace dlengine
