// Matrix products.
#include "dlengine/core/ops/matmul.h"

#include <algorithm>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// x, or a copy, so that of the last two axes one has stride 1 and the other at least the row's length.
Tensor with_matrix_strides(const Tensor& x) {
  const int64_t rows = x.dim(-2), columns = x.dim(-1);
  const int64_t row_step = x.strides()[x.rank() - 2], column_step = x.strides().back();
  const bool by_rows = column_step == 1 && row_step >= columns;
  const bool by_columns = row_step == 1 && column_step >= rows;
  return by_rows || by_columns ? x : x.detach().clone();
}

/// x with its batch axes broadcast to those of `result`; off the tape.
Tensor with_batch_of(const Tensor& x, const Shape& result) {
  Shape shape = result;
  shape[shape.rank() - 2] = x.dim(-2);
  shape[shape.rank() - 1] = x.dim(-1);
  return with_matrix_strides(broadcast_view(x, shape));
}

Tensor multiply(const Tensor& a, const Tensor& b) {
  const Shape shape = matmul_shape(a.shape(), b.shape());
  Tensor y = empty(shape, a.dtype(), a.device());
  backend_for(a.device()).matmul(with_batch_of(a, shape), with_batch_of(b, shape), y);
  return y;
}

/// Writes a product that needs no broadcasting straight into the gradient's memory.
void add_product(InputGrads& dx, size_t i, const Tensor& a, const Tensor& b, const Shape& target) {
  if (matmul_shape(a.shape(), b.shape()) != target) return dx.add(i, sum_to(multiply(a, b), target));
  Tensor gradient = dx.buffer(i);
  backend_for(a.device()).matmul(with_batch_of(a, target), with_batch_of(b, target), gradient);
  dx.add(i, gradient);
}

Tensor matmul_matrices(const Tensor& a, const Tensor& b) {
  return record("matmul", multiply(a, b), {a, b},
                [a = Saved(a), b = Saved(b)](const Tensor& dy, InputGrads& dx) {
                  if (dx.wants(0))
                    add_product(dx, 0, dy, b.get().detach().transpose(-2, -1), a.get().shape());
                  if (dx.wants(1))
                    add_product(dx, 1, a.get().detach().transpose(-2, -1), dy, b.get().shape());
                });
}

bool is_integer(const Tensor& x) { return !is_floating(x.dtype()) && x.dtype() != DType::boolean; }

/// The sums of products of integers, in i64. No device has a matrix product of them, so they are multiplied
/// and summed as elements, for a part of the summed axis at a time.
Tensor multiply_integers(const Tensor& a, const Tensor& b) {
  constexpr int64_t kProducts = int64_t{1} << 22;  // at a time: 32 MiB
  const Shape shape = matmul_shape(a.shape(), b.shape());
  const int64_t part = std::max<int64_t>(1, kProducts / std::max<int64_t>(1, shape.product()));
  Tensor y = zeros(shape, DType::i64, a.device());
  for (int64_t k = 0; k < a.dim(-1); k += part) {
    const Tensor columns = a.slice(-1, k, k + part).unsqueeze(-1),
                 rows = b.slice(-2, k, k + part).unsqueeze(-3);
    y = y + sum(columns.to(DType::i64) * rows.to(DType::i64), {.axes = {-2}});
  }
  return y;
}

struct LinearBackward {
  Saved x, weight, result;
  double scale;  // of a dropout behind relu, else 1

  void operator()(const Tensor& result_gradient, InputGrads& dx) {
    const Tensor dy =
        dense(dx.masked() ? result_gradient : before_activation(result.get(), result_gradient, scale));
    Backend::LinearGrads grads;
    Tensor* const wanted[] = {&grads.dx, &grads.dweight, &grads.dbias};
    for (size_t i = 0; i < 3; ++i) {
      if (dx.wants(i)) *wanted[i] = dx.buffer(i);
    }
    if (dx.wants(0)) grads.mask_scale = dx.take_mask(0);
    backend_for(dy.device()).linear_grad(dy, x.get(), weight.get(), grads);
    for (size_t i = 0; i < 3; ++i) {
      if (dx.wants(i)) dx.add(i, *wanted[i]);
    }
  }
};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_operands("matmul", {&a, &b});
  const bool integers = is_integer(a) && is_integer(b);
  if (!integers) check_one_floating_type("matmul", {&a, &b});
  check<ShapeError>(a.rank() > 0 && b.rank() > 0, "matmul: need vectors or matrices, got a {} and b {}",
                    a.shape(), b.shape());
  if (a.rank() == 1) return matmul(a.unsqueeze(0), b).squeeze(b.rank() == 1 ? 0 : -2);
  if (b.rank() == 1) return matmul(a, b.unsqueeze(1)).squeeze(-1);
  return integers ? multiply_integers(a, b) : matmul_matrices(a, b);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Ending& given) {
  const Tensor& some_bias = bias.defined() ? bias : weight;
  check_operands("linear", {&x, &weight, &some_bias});
  check_one_floating_type("linear", {&x, &weight, &some_bias});
  check<ShapeError>(x.rank() >= 1 && weight.rank() == 2 && x.dim(-1) == weight.dim(1),
                    "linear: need x [.., I] and weight [O, I], got x {} and weight {}", x.shape(),
                    weight.shape());
  check<ShapeError>(!bias.defined() || bias.shape() == Shape{weight.dim(0)},
                    "linear: need bias [{}] for weight {}, got {}", weight.dim(0), weight.shape(),
                    some_bias.shape());
  if (x.rank() != 2) {
    Shape rows = x.shape();
    rows.erase(rows.rank() - 1);
    Shape result = rows;
    result.push_back(weight.dim(0));
    return linear(x.reshape({rows.product(), x.dim(-1)}), weight, bias, given).reshape(result);
  }
  const Tensor rows = dense(x), columns = dense(weight);
  Tensor y = empty({x.dim(0), weight.dim(0)}, x.dtype(), x.device());
  const Ending ending = with_key("linear", given);
  Backend& backend = backend_for(x.device());
  backend.linear(rows, columns, bias.defined() ? dense(bias) : bias, ending.activation, y);
  if (ending.dropout > 0) backend.dropout(y, ending.dropout, ending.key, y);
  const char* name = node_name(ending, {"linear", "linear, relu", "linear, relu, dropout"});
  y = record(name, y, {x, weight, bias},
             LinearBackward{Saved(rows), Saved(columns), saved_result(ending, y), ending.scale()});
  if (ending.activation == Activation::relu) offer_mask(y, ending.scale());
  return y;
}

}  // namespace dlengine
