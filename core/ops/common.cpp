// What several operations need: checks of their operands, results, gradients.
#include "dlengine/core/ops/common.h"

#include <algorithm>
#include <cmath>

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/image_layout.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/random.h"

namespace dlengine {

void check_operands(const char* op, std::initializer_list<const Tensor*> tensors) {
  const Tensor* first = nullptr;
  for (const Tensor* tensor : tensors) {
    tensor->check_defined(op);
    if (!first) {
      first = tensor;
      continue;
    }
    check<DeviceError>(tensor->device() == first->device(),
                       "{}: operands are on {} and {}; move one with to(device)", op, first->device(),
                       tensor->device());
  }
}

void check_one_floating_type(const char* op, std::initializer_list<const Tensor*> tensors) {
  const DType type = (*tensors.begin())->dtype();
  for (const Tensor* tensor : tensors) {
    if (!is_floating(tensor->dtype())) throw_unsupported_dtype(op, tensor->dtype(), "a floating type");
    check<DTypeError>(tensor->dtype() == type,
                      "{}: operands are {} and {}, need one type; convert one with to(dtype)", op, type,
                      tensor->dtype());
  }
}

Tensor broadcast_view(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return {x.storage(), x.offset(), shape, broadcast_strides(x.shape(), x.strides(), shape), x.dtype()};
}

Tensor sum_to(const Tensor& dy, const Shape& shape) {
  if (dy.shape() == shape) return dy;
  const int lead = dy.rank() - shape.rank();
  Shape kept = Shape::filled(dy.rank(), 1);
  for (int axis = 0; axis < shape.rank(); ++axis) kept[axis + lead] = shape[axis];
  Tensor sum = empty(kept, dy.dtype(), dy.device());
  backend_for(dy.device()).reduce(ReduceOp::sum, dy, sum);
  return {sum.storage(), 0, shape, contiguous_strides(shape), sum.dtype()};
}

Tensor dense(const Tensor& x) { return dense(x, ImageLayout::row_major); }

Tensor count_up(int64_t count, Device device) { return cumsum(ones({count}, DType::i64, device), 0) - 1.0; }

Tensor lower_triangle(const Shape& shape, int64_t diagonal, Device device) {
  const Tensor rows = cumsum(ones({shape[0], 1}, DType::i64, device), 0);
  const Tensor last = diagonal == 0 ? rows : rows + static_cast<double>(diagonal);
  return less_equal(cumsum(ones({shape[1]}, DType::i64, device), 0), last);
}

bool is_integer(double number) { return std::trunc(number) == number && std::abs(number) < 0x1p63; }

Tensor empty_result(const Shape& shape, std::initializer_list<const Tensor*> operands) {
  const Tensor& first = **operands.begin();
  // Images alone have two orders.
  const bool channels_last =
      shape.rank() == 4 && std::any_of(operands.begin(), operands.end(), [&](const Tensor* x) {
        return x->shape() == shape && layout_of(*x) == ImageLayout::channels_last;
      });
  return empty(shape, first.dtype(), first.device(),
               channels_last ? ImageLayout::channels_last : ImageLayout::row_major);
}

Ending with_key(const char* op, Ending ending) {
  if (ending.dropout == 0) return ending;
  check<ValueError>(ending.dropout > 0 && ending.dropout < 1 && ending.activation == Activation::relu,
                    "{}: a result can end in dropout of a share in [0, 1) behind relu; got {}{}", op,
                    ending.dropout, ending.activation == Activation::relu ? "" : " without relu");
  ending.key = default_generator().next_key();
  return ending;
}

Tensor unary(const Unary& f, const char* name, const Tensor& x, Takes takes) {
  x.check_defined(name);
  if (!is_floating(x.dtype())) {
    if (takes == Takes::floating) throw_unsupported_dtype(name, x.dtype(), "a floating type");
    if (x.dtype() == DType::boolean) throw_unsupported_dtype(name, x.dtype(), "a numeric type");
    if (takes == Takes::promoted) return unary(f, name, x.to(DType::f32));
  }
  Tensor y = empty_like(x);
  backend_for(x.device()).unary(f, x, y);
  if (!needs_grad({&x, 1})) return y;
  return record_needed(
      name, y, std::span(&x, 1),
      [f, saved = Saved(slope_from_result(f.op) ? y.detach() : x)](const Tensor& dy, InputGrads& dx) {
        Tensor gradient = dx.buffer(0, layout_of(saved.get()));
        backend_for(dy.device()).unary_grad(f, saved.get(), dy, gradient);
        dx.add(0, gradient);
      });
}

const char* node_name(const Ending& ending, const NodeNames& names) {
  if (ending.dropout > 0) return names.with_dropout;
  return ending.activation == Activation::relu ? names.with_relu : names.plain;
}

void finish(const Ending& ending, Tensor& y) {
  Backend& backend = backend_for(y.device());
  if (ending.activation == Activation::relu) backend.unary(UnaryOp::relu, y, y);
  if (ending.dropout > 0) backend.dropout(y, ending.dropout, ending.key, y);
}

Saved saved_result(const Ending& ending, const Tensor& y) {
  return Saved(ending.activation == Activation::relu ? y.detach() : Tensor());
}

Tensor before_activation(const Tensor& y, const Tensor& dy, double scale) {
  if (!y.defined()) return dy;
  Tensor before = empty_like(y);
  backend_for(dy.device()).relu_grad(y, dy, scale, before);
  return before;
}

}  // namespace dlengine
