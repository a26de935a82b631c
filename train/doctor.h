// A training doctor: looks at a model and at its curves, and says in plain words what is wrong and what to
// try.
//
//   Doctor doctor(model);
//   trainer.fit(data, {.epochs = 20, .validation = &test, .doctor = &doctor});
//   std::cout << doctor.report();
//
// Around a loop of one's own:
//
//   doctor.examine(x, y, CrossEntropyLoss());            // before the training and now and then
//   doctor.before_update(); optimizer.step(); doctor.after_update();  // for a step now and then
//   doctor.observe(record);                              // after each epoch, with its losses
//
// A check-up is a forward and a backward pass of its own beside the training, which it does not change: not a
// bit of weights, buffers and random numbers. Only gradients are forgotten. So a step that is replayed stays
// as it is, and where there is no doctor nothing is paid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/tensor.h"
#include "dlengine/layers/module.h"
#include "dlengine/train/doctor/check_up.h"
#include "dlengine/train/history.h"
#include "dlengine/train/loss_function.h"

namespace dlengine {

enum class Symptom : uint8_t {
  not_finite,             // NaN or infinity in a layer, the loss or the weights
  diverging,              // the loss rises above that of the untrained model
  rate_too_high,          // the loss jumps up and down, or steps are as large as the weights
  rate_too_low,           // the loss hardly moves, as steps are tiny beside the weights
  dead_units,             // ReLUs that no sample makes fire
  saturated_units,        // sigmoid or tanh at its ends, where slopes vanish
  vanishing_gradients,    // the first layers get almost none
  exploding_gradients,    // gradients larger than the weights by far
  shrinking_activations,  // before the training: less varies from layer to layer
  growing_activations,    // before the training: more varies from layer to layer
  symmetric_units,        // all units of a layer have the same weights, so they stay copies
  overfitting,            // training data get better, validation data worse
  underfitting            // even training data stay bad
};

/// "dead units", and so on.
std::string_view name(Symptom symptom);

struct Finding {
  Symptom symptom = Symptom::not_finite;
  int64_t epoch = 0;   // epochs finished
  std::string layer;   // its path; empty where it is the training as a whole
  std::string saw;     // in words, with the numbers
  std::string advice;  // what to try
};

/// "after epoch 3: dead units in layer 1: <saw>. Try: <advice>."
std::string to_string(const Finding& finding);

struct DoctorOptions {
  int64_t samples = 256;  // of a check-up in fit(): spread evenly over the training data
  int64_t every = 1;      // epochs from check-up to check-up in fit()
};

class Doctor {
 public:
  /// The model must outlive the doctor. Throws ValueError for options < 1.
  explicit Doctor(Module& model, const DoctorOptions& options = {});

  /// A check-up on a batch, on the model's device. The first one is that of the untrained model, from which
  /// curves and initial weights are judged. Throws what model and loss throw.
  const CheckUp& examine(const Tensor& x, const Tensor& y, const LossFunction& loss);
  /// Around one step, or a few: how far it moves each weight.
  void before_update();
  void after_update(int64_t steps = 1);
  /// The curves of an epoch that is over.
  void observe(const EpochRecord& record);

  /// All that was found, each symptom of each layer once, in the order of finding.
  const std::vector<Finding>& findings() const { return findings_; }
  /// The findings as text, a line each; or that there are none.
  std::string report() const;

  const DoctorOptions& options() const { return options_; }

 private:
  void add(std::vector<Finding> found);

  Module& model_;
  DoctorOptions options_;
  std::vector<Finding> findings_;
  CheckUp last_;
  TrainingCourse course_;
  NamedTensors before_;  // weights before an update, copied
};

}  // namespace dlengine
