// Internal: the sizes of a convolution, and the loops for f64.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/shape.h"

namespace dlengine {

/// x [n, c, h, w], filters [k, c/groups, r, s], y [n, k, p, q].
struct ConvSizes {
  int64_t n = 0, c = 0, h = 0, w = 0, k = 0, r = 0, s = 0, p = 0, q = 0;
  Conv2dParams params;

  ConvSizes(const Shape& x, const Shape& filters, const Shape& y, const Conv2dParams& conv)
      : n(x[0]),
        c(x[1]),
        h(x[2]),
        w(x[3]),
        k(y[1]),
        r(filters[2]),
        s(filters[3]),
        p(y[2]),
        q(y[3]),
        params(conv) {}
  friend bool operator==(const ConvSizes&, const ConvSizes&) = default;

  int64_t group_inputs() const { return c / params.groups; }
  int64_t group_outputs() const { return k / params.groups; }
};

// f32, channels-last: x [n, h, w, c], y [n, p, q, k]; filters [k, c/groups, r, s]. Pointers that say so may
// be null.

enum class ConvPass : uint8_t { forward, grad_input, grad_weight };

struct ConvForward {
  const float* x;
  const float* filters;
  const float* bias;  // or null
  bool relu;          // of the result
  float* y;
};

struct ConvGradInput {
  const float* dy;
  const float* y;  // or null; else dy counts only where this is above 0
  const float* filters;
  float* dx;
};

struct ConvGradWeight {
  const float* dy;
  const float* y;  // as in ConvGradInput
  const float* x;
  float* dfilters;
  float* dbias;  // or null
};

/// By oneDNN.
void launch_library_forward(const ConvSizes& sizes, const ConvForward& data);
void launch_library_grad_input(const ConvSizes& sizes, const ConvGradInput& data);
void launch_library_grad_weight(const ConvSizes& sizes, const ConvGradWeight& data);

/// bias may be null.
void conv2d_f64(const ConvSizes& sizes, const double* x, const double* filters, const double* bias,
                double* y);
void conv2d_grad_input_f64(const ConvSizes& sizes, const double* dy, const double* filters, double* dx);
void conv2d_grad_weight_f64(const ConvSizes& sizes, const double* dy, const double* x, double* dfilters);

}  // namespace dlengine
