// Arithmetic in place, as running sums and averages need it.
//
// As in PyTorch and NumPy, x += y writes to the elements of x: every copy of the handle and every view sees
// them change, and x.index({0}) += 1 changes x. (x = x + y makes the handle x show a new tensor.) x keeps its
// shape and type: y broadcasts, and a result of another type is converted, but an integer tensor takes no
// floating result. The result is computed beside x and then copied, so y may be part of x.
//
// The tape does not see it, so it is refused where an operand is on the tape, unless a NoGrad is active:
// write x = x + y there. Types: numeric. Throws AutogradError, ShapeError, DTypeError, DeviceError.
#pragma once

#include "dlengine/core/tensor.h"

namespace dlengine {

// All of them give x.
Tensor add_(const Tensor& x, const Tensor& y);
Tensor sub_(const Tensor& x, const Tensor& y);
Tensor mul_(const Tensor& x, const Tensor& y);
Tensor div_(const Tensor& x, const Tensor& y);
Tensor add_(const Tensor& x, double y);
Tensor sub_(const Tensor& x, double y);
Tensor mul_(const Tensor& x, double y);
Tensor div_(const Tensor& x, double y);

inline Tensor operator+=(const Tensor& x, const Tensor& y) { return add_(x, y); }
inline Tensor operator-=(const Tensor& x, const Tensor& y) { return sub_(x, y); }
inline Tensor operator*=(const Tensor& x, const Tensor& y) { return mul_(x, y); }
inline Tensor operator/=(const Tensor& x, const Tensor& y) { return div_(x, y); }
inline Tensor operator+=(const Tensor& x, double y) { return add_(x, y); }
inline Tensor operator-=(const Tensor& x, double y) { return sub_(x, y); }
inline Tensor operator*=(const Tensor& x, double y) { return mul_(x, y); }
inline Tensor operator/=(const Tensor& x, double y) { return div_(x, y); }

}  // namespace dlengine
