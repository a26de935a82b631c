// Activation functions as layers.
#include "dlengine/layers/activation.h"

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/softmax.h"
#include "dlengine/layers/init.h"

namespace dlengine {

Tensor ReLU::forward(const Tensor& x) { return relu(x); }
Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x); }
Tensor Tanh::forward(const Tensor& x) { return tanh(x); }
Tensor Identity::forward(const Tensor& x) { return x; }

std::string LeakyReLU::description() const { return fmt::format("slope {}", negative_slope_); }
Tensor LeakyReLU::forward(const Tensor& x) { return leaky_relu(x, negative_slope_); }

PReLU::PReLU(const PReLUOptions& options) : options_(options) {
  check<ValueError>(options.num_parameters > 0, "PReLU: need 1 parameter or more, got {}",
                    options.num_parameters);
}

std::string PReLU::description() const {
  return fmt::format("{} slope{}", options_.num_parameters, options_.num_parameters == 1 ? "" : "s");
}

void PReLU::make(DType dtype, Device device) {
  weight_ = as_parameter(full({options_.num_parameters}, options_.init), dtype, device);
}

void PReLU::build() {
  if (!weight_.defined()) make(DType::f32, kCpu);
}

Tensor PReLU::forward(const Tensor& x) {
  if (!weight_.defined()) make(x.dtype(), x.device());
  return prelu(x, weight_);
}

std::string ELU::description() const { return fmt::format("alpha {}", alpha_); }
Tensor ELU::forward(const Tensor& x) { return elu(x, alpha_); }

Tensor SELU::forward(const Tensor& x) { return selu(x); }

std::string GELU::description() const { return form_ == GeluForm::tanh ? "by tanh" : ""; }
Tensor GELU::forward(const Tensor& x) { return gelu(x, form_); }

Tensor SiLU::forward(const Tensor& x) { return silu(x); }

std::string Softplus::description() const { return fmt::format("beta {}", beta_); }
Tensor Softplus::forward(const Tensor& x) { return softplus(x, beta_); }

Tensor Mish::forward(const Tensor& x) { return mish(x); }
Tensor Softsign::forward(const Tensor& x) { return softsign(x); }
Tensor LogSigmoid::forward(const Tensor& x) { return log_sigmoid(x); }

std::string Hardtanh::description() const { return fmt::format("{} .. {}", min_val_, max_val_); }
Tensor Hardtanh::forward(const Tensor& x) { return hardtanh(x, min_val_, max_val_); }

Tensor ReLU6::forward(const Tensor& x) { return relu6(x); }
Tensor Hardsigmoid::forward(const Tensor& x) { return hardsigmoid(x); }
Tensor Hardswish::forward(const Tensor& x) { return hardswish(x); }
Tensor Step::forward(const Tensor& x) { return step(x); }

std::string Softmax::description() const { return "axis " + std::to_string(axis_); }

Tensor Softmax::forward(const Tensor& x) { return softmax(x, axis_); }

std::string LogSoftmax::description() const { return "axis " + std::to_string(axis_); }

Tensor LogSoftmax::forward(const Tensor& x) { return log_softmax(x, axis_); }

}  // namespace dlengine
