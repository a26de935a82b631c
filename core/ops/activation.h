// Activation functions, element by element; softmax is in softmax.h.
//
// Types: floating, as in PyTorch; step, relu, clip, hardtanh and relu6 keep integers, sigmoid, tanh and
// softsign compute them in f32. Grads: x; step has slope 0 throughout. Values and slopes are finite for every
// |x| <= 1000; NaN stays NaN. Slopes at kinks: docs/numerics.md. Throws DTypeError, and ValueError for
// numbers that make no sense.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"

namespace dlengine {

Tensor step(const Tensor& x);  // 1 where x > 0, else 0: Heaviside's function
Tensor relu(const Tensor& x);  // max(x, 0), slope 0 at 0
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);  // x where x > 0, else negative_slope * x
/// x where x > 0, else weight * x. weight: one element for all, or [C], one for each channel (axis 1 of x),
/// of x's type. Grads: x, weight. Throws ShapeError. Source: He et al., arXiv:1502.01852.
Tensor prelu(const Tensor& x, const Tensor& weight);
/// x where x > 0, else alpha * (exp(x) - 1). Source: Clevert et al., arXiv:1511.07289.
Tensor elu(const Tensor& x, double alpha = 1);
/// 1.0507 * elu(x, 1.6733), which keeps mean 0 and variance 1. Source: Klambauer et al., arXiv:1706.02515.
Tensor selu(const Tensor& x);

enum class GeluForm : uint8_t { exact, tanh };
/// x times the probability that a normal number is below x; by the error function, or as
/// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))). Source: Hendrycks and Gimpel, arXiv:1606.08415.
Tensor gelu(const Tensor& x, GeluForm form = GeluForm::exact);
Tensor silu(const Tensor& x);  // x * sigmoid(x), also known as swish
/// log(1 + exp(beta * x)) / beta. Throws ValueError unless beta > 0.
Tensor softplus(const Tensor& x, double beta = 1);
Tensor mish(const Tensor& x);         // x * tanh(softplus(x)); Misra, arXiv:1908.08681
Tensor softsign(const Tensor& x);     // x / (1 + |x|)
Tensor sigmoid(const Tensor& x);      // 1 / (1 + exp(-x))
Tensor log_sigmoid(const Tensor& x);  // log(sigmoid(x)), exact also where that underflows
Tensor tanh(const Tensor& x);

/// x cut to low .. high, as numpy.clip; an infinite end leaves that side open. The slope is 1 from low to
/// high, both included, else 0. Throws ValueError unless low <= high; DTypeError for integers with an end
/// that is not whole.
Tensor clip(const Tensor& x, double low, double high);
/// The same with slope 0 at both ends. Throws as clip(), and ValueError unless low < high.
Tensor hardtanh(const Tensor& x, double low = -1, double high = 1);
Tensor relu6(const Tensor& x);        // hardtanh(x, 0, 6)
Tensor hardsigmoid(const Tensor& x);  // (x + 3) / 6 cut to 0 .. 1
Tensor hardswish(const Tensor& x);    // x * hardsigmoid(x); Howard et al., arXiv:1905.02244

}  // namespace dlengine
