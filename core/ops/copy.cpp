// Copies: to row-major order, to another type, to another device. They are members of Tensor.
#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/graph/tracing.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

namespace {

Tensor converted(const Tensor& x, DType dtype) {
  Tensor y = empty(x.shape(), dtype, x.device());
  backend_for(x.device()).copy(x, y);
  return y;
}

/// Bytes of a contiguous tensor on another device; between two GPUs they pass through the host.
Tensor moved(const Tensor& x, Device device) {
  Capture::refuse("moves a tensor to another device");
  if (x.device() != kCpu && device != kCpu) return moved(moved(x, kCpu), device);
  Tensor y = empty(x.shape(), x.dtype(), device);
  const size_t bytes = static_cast<size_t>(x.numel()) * size_of(x.dtype());
  if (bytes == 0) return y;
  if (device == kCpu) {
    backend_for(x.device()).copy_to_host(y.raw(), x.raw(), bytes, x.device().index);
  } else {
    backend_for(device).copy_from_host(y.raw(), x.raw(), bytes, device.index);
    note_host_values(y);
  }
  return y;
}

}  // namespace

Tensor Tensor::contiguous() const {
  check_defined("contiguous");
  return is_contiguous() ? *this : clone();
}

Tensor Tensor::clone() const {
  check_defined("clone");
  return record("clone", converted(*this, dtype()), {*this},
                [](const Tensor& dy, InputGrads& dx) { dx.add(0, dy); });
}

Tensor Tensor::to(DType target) const {
  check_defined("to");
  if (target == dtype()) return *this;
  Tensor y = converted(*this, target);
  if (!is_floating(target)) return y;
  return record("cast", y, {*this},
                [from = dtype()](const Tensor& dy, InputGrads& dx) { dx.add(0, dy.to(from)); });
}

Tensor Tensor::to(Device target) const {
  check_defined("to");
  if (target == device()) return *this;
  return record("to device", moved(dense(*this), target), {*this},
                [from = device()](const Tensor& dy, InputGrads& dx) { dx.add(0, dy.to(from)); });
}

}  // namespace dlengine
