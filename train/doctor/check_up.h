// What a doctor measures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dlengine/core/tensor.h"
#include "dlengine/layers/module.h"
#include "dlengine/train/history.h"
#include "dlengine/train/loss_function.h"

namespace dlengine {

/// The output of a layer without layers of its own, over the samples of a batch.
struct LayerVitals {
  std::string path;
  std::string type;                   // of the module
  bool finite = true;                 // no NaN or infinity
  bool weighted = false;              // it has a weight of two axes or more
  double deviation = 0;               // between samples: root of the mean square over all of its elements
  int64_t units = 0;                  // channels or features
  std::optional<double> silent = {};  // ReLU: share of units that are 0 for every sample
  std::optional<double> flat = {};    // Sigmoid, Tanh: share of elements within a hundredth of an end
};

/// A parameter of two axes or more.
struct WeightVitals {
  std::string path;
  bool finite = true;           // no NaN or infinity in the weight
  bool finite_gradient = true;  // nor in its gradient
  double norm = 0;              // root of the sum of squares
  double gradient_norm = 0;
  double gradient_size = 0;  // root of the mean square of its elements
  bool symmetric = false;    // all units have the same weights
  int64_t units = 0;
};

struct CheckUp {
  double loss = 0;
  std::vector<LayerVitals> layers;    // in the order of the forward pass
  std::vector<WeightVitals> weights;  // in the order of the layers
};

/// What is known of the training so far.
struct TrainingCourse {
  std::optional<double> first_loss = {};  // of the untrained model
  std::vector<EpochRecord> epochs = {};
  std::optional<double> largest_step =
      {};  // of the last update that was measured: |change| / |weight|, by one step
  std::string largest_step_layer = {};
};

/// A forward pass in the modes of a training (train_unfrozen) and a backward pass, after which all but the
/// gradients is as it was.
CheckUp check_up(Module& model, const Tensor& x, const Tensor& y, const LossFunction& loss);

}  // namespace dlengine
