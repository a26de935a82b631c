// Parameters and their gradients in flat tensors.
#include "dlengine/optim/arena.h"

#include <unordered_set>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"

namespace dlengine {
namespace {

constexpr int64_t kAlignment = 64;  // bytes: a cache line, and the widest vector

void check_parameters(const std::vector<Tensor>& parameters) {
  check<ValueError>(!parameters.empty(), "optimizer: there are no parameters");
  std::unordered_set<const void*> seen;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& tensor = parameters[i];
    check<ValueError>(tensor.defined() && !tensor.impl()->node,
                      "optimizer: parameter {} is undefined or the result of an operation", i);
    check<ValueError>(seen.insert(tensor.impl().get()).second, "optimizer: parameter {} is given twice", i);
    check<DTypeError>(tensor.dtype() == DType::f32 || tensor.dtype() == DType::f64,
                      "optimizer: need parameters in f32 or f64, number {} is {}", i, tensor.dtype());
    check<DTypeError>(tensor.dtype() == parameters[0].dtype(),
                      "optimizer: need parameters of one type, f32 or f64; number 0 is {}, number {} is {}",
                      parameters[0].dtype(), i, tensor.dtype());
    check<DeviceError>(tensor.device() == parameters[0].device(),
                       "optimizer: need parameters on one device; number 0 is on {}, number {} on {}",
                       parameters[0].device(), i, tensor.device());
  }
}

}  // namespace

Arena::Arena(std::vector<Tensor> parameters) : parameters_(std::move(parameters)) {
  check_parameters(parameters_);
  const DType dtype = parameters_[0].dtype();
  const Device device = parameters_[0].device();
  const int64_t step = kAlignment / static_cast<int64_t>(size_of(dtype));
  int64_t size = 0;
  for (const Tensor& parameter : parameters_) {
    offsets_.push_back(size);
    size += (parameter.numel() + step - 1) / step * step;
  }
  values_ = zeros({size}, dtype, device);
  gradients_ = zeros({size}, dtype, device);
  const NoGrad no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Tensor& parameter = parameters_[i];
    Tensor value = slot(values_, i), gradient = slot(gradients_, i);
    const Tensor earlier = parameter.grad();
    value.copy_(parameter);
    parameter.set_data(value);
    parameter.impl()->grad_buffer = gradient.impl();
    if (!earlier.defined()) continue;
    gradient.copy_(earlier);
    parameter.impl()->grad = gradient.impl();
  }
}

Tensor Arena::span(const Tensor& flat, size_t first, size_t last) const {
  return flat.slice(0, offsets_[first], offsets_[last - 1] + parameters_[last - 1].numel());
}

Tensor Arena::part(const Tensor& span, size_t first, size_t position) const {
  const Shape& shape = parameters_[position].shape();
  return {span.storage(), span.offset() + offsets_[position] - offsets_[first], shape,
          contiguous_strides(shape), span.dtype()};
}

void Arena::check_in_place() const {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& parameter = parameters_[i];
    check<ValueError>(
        parameter.storage() == values_.storage() && parameter.offset() == offsets_[i],
        "optimizer: parameter {} {} was moved (to another device, type or optimizer) since it was "
        "attached; attach the parameters again",
        i, parameter.shape());
  }
}

void Arena::collect_gradients() {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor gradient = parameters_[i].grad();
    if (!gradient.defined() ||
        (gradient.storage() == gradients_.storage() && gradient.offset() == offsets_[i]))
      continue;
    Tensor place = slot(gradients_, i);
    place.copy_(gradient);
    parameters_[i].impl()->grad = parameters_[i].impl()->grad_buffer = place.impl();
  }
}

}  // namespace dlengine
