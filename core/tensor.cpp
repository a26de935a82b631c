// Construction of tensors, their elements on the host, and in-place writes.
#include "dlengine/core/tensor.h"

#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/convert.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/graph/tracing.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/small_blocks.h"

namespace dlengine {

Tensor::Tensor(std::shared_ptr<Storage> storage, int64_t offset, const Shape& shape, const Strides& strides,
               DType dtype)
    : impl_(make_small<Impl>(std::move(storage), offset, shape, strides, dtype)) {}

int64_t Tensor::dim(int axis) const {
  check_defined("dim");
  return shape()[normalize_axis("dim", axis, rank())];
}

bool Tensor::is_contiguous() const {
  const Impl& impl = checked("is_contiguous");
  return dlengine::is_contiguous(impl.shape, impl.strides);
}

Tensor Tensor::detach() const {
  check_defined("detach");
  return {storage(), offset(), shape(), strides(), dtype()};
}

void Tensor::zero_grad() {
  check_defined("zero_grad");
  if (Capture* capture = Capture::current()) capture->forgets_gradient(*this);
  impl_->grad = nullptr;
}

Tensor& Tensor::set_requires_grad(bool value) {
  check_defined("set_requires_grad");
  check<DTypeError>(!value || is_floating(dtype()),
                    "set_requires_grad: only floating tensors have gradients, this is {}", dtype());
  check<AutogradError>(impl_->node == nullptr,
                       "set_requires_grad: this tensor is the result of an operation; detach() it");
  impl_->requires_grad = value;
  return *this;
}

void Tensor::throw_undefined(const char* op) {
  fail<ValueError>("{}: the tensor is undefined (no gradient yet?)", op);
}

void Tensor::throw_wrong_type(DType wanted) const {
  fail<DTypeError>("data: the tensor is {}, it was read as {}", dtype(), wanted);
}

template <typename T>
std::vector<T> Tensor::to_vector() const {
  check_defined("to_vector");
  Capture::refuse("reads elements on the host");
  refuse_in_trace("reads elements on the host");
  const Tensor host = detach().to(kCpu).contiguous();
  std::vector<T> values(static_cast<size_t>(numel()));
  visit(host.dtype(), [&]<typename From>(Type<From>) {
    const From* from = host.data<From>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = convert<T>(from[i]);
  });
  return values;
}

template <typename T>
T Tensor::item() const {
  check_defined("item");
  check<ShapeError>(numel() == 1, "item: need one element, the shape is {}", shape());
  return to_vector<T>().front();
}

#define DLENGINE_INSTANTIATE(T)                         \
  template std::vector<T> Tensor::to_vector<T>() const; \
  template T Tensor::item<T>() const;
DLENGINE_INSTANTIATE(float)
DLENGINE_INSTANTIATE(double)
DLENGINE_INSTANTIATE(uint8_t)
DLENGINE_INSTANTIATE(int32_t)
DLENGINE_INSTANTIATE(int64_t)
DLENGINE_INSTANTIATE(bool)
#undef DLENGINE_INSTANTIATE

namespace {

void check_writable(const char* op, const Tensor& tensor) {
  tensor.check_defined(op);
  check<AutogradError>(!needs_grad({&tensor, 1}),
                       "{}: the tensor is on the tape; write to it inside of a NoGrad, or detach() it", op);
  const int64_t* const sizes = tensor.shape().begin();
  const int64_t* const strides = tensor.strides().begin();
  for (int axis = 0; axis < tensor.rank(); ++axis) {
    check<ValueError>(sizes[axis] <= 1 || strides[axis] != 0,
                      "{}: elements of the target {} share memory along axis {}, as expand() makes them", op,
                      tensor.shape(), axis);
  }
}

/// Whether elements of the one may be elements of the other.
bool may_overlap(const Tensor& a, const Tensor& b) {
  if (a.storage() != b.storage()) return false;
  const auto ends = [](const Tensor& x) {
    std::pair<int64_t, int64_t> range{x.offset(), x.offset()};
    for (int axis = 0; axis < x.rank(); ++axis) range.second += (x.shape()[axis] - 1) * x.strides()[axis];
    return range;
  };
  const auto [first, last] = ends(a);
  const auto [other_first, other_last] = ends(b);
  return first <= other_last && other_first <= last;
}

}  // namespace

Tensor& Tensor::copy_(const Tensor& source) {
  check_writable("copy_", *this);
  source.check_defined("copy_");
  check<ShapeError>(broadcast_shapes("copy_", shape(), source.shape()) == shape(),
                    "copy_: {} does not broadcast to {}", source.shape(), shape());
  const NoGrad no_grad;
  Tensor from = source.detach();
  if (from.device() != device()) from = from.to(dtype()).to(device());
  if (may_overlap(from, *this)) from = from.clone();
  Tensor target = detach();
  written_in_place(*this);
  backend_for(device()).copy(broadcast_view(from, shape()), target);
  return *this;
}

Tensor& Tensor::fill_(double value) {
  check_writable("fill_", *this);
  written_in_place(*this);
  Tensor target = detach();
  backend_for(device()).fill(target, value);
  return *this;
}

}  // namespace dlengine
