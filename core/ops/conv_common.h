// Internal: what all convolutions check.
#pragma once

#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"

namespace dlengine {

/// Throws unless x, w and bias (which may be undefined) are on one device and have one floating type.
inline void check_conv_operands(const char* op, const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Tensor& some_bias = bias.defined() ? bias : w;
  check_operands(op, {&x, &w, &some_bias});
  check_one_floating_type(op, {&x, &w, &some_bias});
}

/// Throws ShapeError for a bias that does not have `filters` numbers.
inline void check_conv_bias(const char* op, const Tensor& bias, int64_t filters, const Tensor& w) {
  if (!bias.defined()) return;
  check<ShapeError>(bias.shape() == Shape{filters}, "{}: need bias [{}] for w {}, got {}", op, filters,
                    w.shape(), bias.shape());
}

}  // namespace dlengine
