// What the doctor's tests share: networks to spoil, and a look at the findings.
#pragma once

#include <algorithm>
#include <string>

#include "dlengine/core/autograd.h"
#include "dlengine/data/synthetic_digits.h"
#include "dlengine/train/doctor.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {

inline bool has(const Doctor& doctor, Symptom symptom) {
  return std::ranges::any_of(doctor.findings(), [&](const Finding& one) { return one.symptom == symptom; });
}

inline const Finding& finding(const Doctor& doctor, Symptom symptom) {
  return *std::ranges::find(doctor.findings(), symptom, &Finding::symptom);
}

inline TrainerOptions quiet_on(Device device) {
  TrainerOptions options = quiet();
  options.device = device;
  return options;
}

inline const ImageDataset& digits() {
  static const ImageDataset set = synthetic_digits({.train = 600, .test = 300});
  return set;
}

/// Fully connected layers 784 - 32 - ... - 10 with an activation between them.
template <typename Activation>
Sequential deep(int hidden_layers, Init init = Init::he) {
  Sequential net;
  net.add(Flatten());
  for (int i = 0; i < hidden_layers; ++i) {
    net.add(Linear({.in_features = i == 0 ? 784 : 32, .out_features = 32, .init = init})).add(Activation());
  }
  net.add(Linear({.in_features = 32, .out_features = 10, .init = init}));
  return net;
}

/// Redraws every weight, with the given deviation.
inline void draw_weights(Module& net, double deviation) {
  const NoGrad no_grad;
  for (auto& [name, tensor] : net.named_parameters()) {
    if (tensor.rank() >= 2) tensor.copy_(randn(tensor.shape(), 0, deviation));
  }
}

inline void set(Module& net, const std::string& parameter, const Tensor& value) {
  const NoGrad no_grad;
  for (auto& [name, old] : net.named_parameters()) {
    if (name == parameter) old.copy_(value);
  }
}

}  // namespace dlengine::test
