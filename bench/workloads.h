// The networks that the training benchmark times; the same ones are timed in other engines.
#pragma once

#include <memory>
#include <string>

#include "dlengine/core/shape.h"
#include "dlengine/layers/sequential.h"
#include "dlengine/optim/optimizer.h"

namespace dlengine::bench {

/// One training or inference task with synthetic inputs.
struct Workload {
  Sequential model;
  std::unique_ptr<Optimizer> optimizer;  // null for inference
  Shape input;                           // of a batch
};

/// W0: W1's operations at 16-16-10, batch 1, so nothing but overhead. W1: MLP 784-512-10, RMSprop. W2: the
/// MNIST CNN, Adam. W3: LeNet-5, SGD with momentum. W4: six conv-BN-ReLU blocks on 3x32x32, SGD with
/// momentum. W5: inference of W2. Throws ValueError for another name.
Workload make_workload(const std::string& name, int64_t batch);

}  // namespace dlengine::bench
