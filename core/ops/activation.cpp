// Activation functions.
#include "dlengine/core/ops/activation.h"

#include <cmath>

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"

namespace dlengine {

Tensor step(const Tensor& x) { return unary(UnaryOp::step, "step", x, Takes::numeric); }
Tensor relu(const Tensor& x) { return unary(UnaryOp::relu, "relu", x, Takes::numeric); }

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return unary({UnaryOp::leaky_relu, negative_slope}, "leaky_relu", x);
}

Tensor prelu(const Tensor& x, const Tensor& weight) {
  check_operands("prelu", {&x, &weight});
  check_one_floating_type("prelu", {&x, &weight});
  const int64_t channels = x.rank() < 2 ? 1 : x.dim(1);
  check<ShapeError>(weight.numel() == 1 || weight.shape() == Shape{channels},
                    "prelu: need a weight of one element or [{}] for x {}, got {}", channels, x.shape(),
                    weight.shape());
  Shape along = Shape::filled(x.rank(), 1);
  if (x.rank() >= 2) along[1] = weight.numel();
  const Tensor zero = scalar(0, x.dtype(), x.device());
  return where(greater(x, zero), x, x * weight.reshape(along));
}

Tensor elu(const Tensor& x, double alpha) { return unary({UnaryOp::elu, alpha, 1}, "elu", x); }

Tensor selu(const Tensor& x) {
  return unary({UnaryOp::elu, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946}, "selu",
               x);
}

Tensor gelu(const Tensor& x, GeluForm form) {
  return unary(form == GeluForm::tanh ? UnaryOp::gelu_tanh : UnaryOp::gelu, "gelu", x);
}

Tensor silu(const Tensor& x) { return unary(UnaryOp::silu, "silu", x); }

Tensor softplus(const Tensor& x, double beta) {
  check<ValueError>(beta > 0 && std::isfinite(beta), "softplus: beta must be above 0, got {}", beta);
  return unary({UnaryOp::softplus, beta}, "softplus", x);
}

Tensor mish(const Tensor& x) { return unary(UnaryOp::mish, "mish", x); }
Tensor softsign(const Tensor& x) { return unary(UnaryOp::softsign, "softsign", x, Takes::promoted); }
Tensor sigmoid(const Tensor& x) { return unary(UnaryOp::sigmoid, "sigmoid", x, Takes::promoted); }
Tensor log_sigmoid(const Tensor& x) { return unary({UnaryOp::softplus, -1}, "log_sigmoid", x); }
Tensor tanh(const Tensor& x) { return unary(UnaryOp::tanh, "tanh", x, Takes::promoted); }

namespace {

/// x cut to f's ends, which are whole for integers.
Tensor cut(const Unary& f, const char* name, const Tensor& x) {
  check_operands(name, {&x});
  check<DTypeError>(is_floating(x.dtype()) || (std::trunc(f.a) == f.a && std::trunc(f.b) == f.b),
                    "{}: x is {}; convert it to a floating type to cut it to {} .. {}", name, x.dtype(), f.a,
                    f.b);
  return unary(f, name, x, Takes::numeric);
}

}  // namespace

Tensor clip(const Tensor& x, double low, double high) {
  check<ValueError>(low <= high, "clip: low must not be above high, got {} and {}", low, high);
  return cut({UnaryOp::clip, low, high}, "clip", x);
}

Tensor hardtanh(const Tensor& x, double low, double high) {
  check<ValueError>(low < high, "hardtanh: low must be below high, got {} and {}", low, high);
  return cut({UnaryOp::hardtanh, low, high}, "hardtanh", x);
}

Tensor relu6(const Tensor& x) { return cut({UnaryOp::hardtanh, 0, 6}, "relu6", x); }
Tensor hardsigmoid(const Tensor& x) { return unary(UnaryOp::hardsigmoid, "hardsigmoid", x); }
Tensor hardswish(const Tensor& x) { return unary(UnaryOp::hardswish, "hardswish", x); }

}  // namespace dlengine
