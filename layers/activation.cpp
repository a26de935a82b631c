// Activation functions as layers.
#include "dlengine/layers/activation.h"

#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/softmax.h"

namespace dlengine {

Tensor ReLU::forward(const Tensor& x) { return relu(x); }

Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x); }

Tensor Tanh::forward(const Tensor& x) { return tanh(x); }

std::string Softmax::description() const { return "axis " + std::to_string(axis_); }

Tensor Softmax::forward(const Tensor& x) { return softmax(x, axis_); }

std::string LogSoftmax::description() const { return "axis " + std::to_string(axis_); }

Tensor LogSoftmax::forward(const Tensor& x) { return log_softmax(x, axis_); }

}  // namespace dlengine
