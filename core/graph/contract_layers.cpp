// Contracts: products, convolutions, pooling, norms, recurrent cells, losses.
#include "dlengine/core/graph/contract.h"
#include "dlengine/core/graph/contract_rules.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine::contract {

namespace {

/// Undefined, or as the rest.
void optional_like(const Tensor& tensor, const Tensor& other) {
  if (!tensor.defined()) return;
  one_type({&other, &tensor});
  one_shape({&other, &tensor});
}

void optional_channels(const Tensor& tensor, int64_t channels, DType dtype) {
  if (!tensor.defined()) return;
  shaped(tensor, {channels});
  row_major({&tensor});
  check<IoError>(tensor.dtype() == dtype, "need values of the channels in {}, got {}", dtype, tensor.dtype());
}

/// One of the last two axes has stride 1, and the other at least the row's length.
void matrix_strides(const Tensor& x) {
  const int rank = x.rank();
  const int64_t row_step = x.strides()[rank - 2], column_step = x.strides()[rank - 1];
  const bool by_rows = column_step == 1 && row_step >= x.shape()[rank - 1];
  const bool by_columns = row_step == 1 && column_step >= x.shape()[rank - 2];
  need(by_rows || by_columns, "matrices whose rows or columns lie without gaps");
}

void pooled(const Tensor& x, const Pool2dParams& params, const Tensor& y) {
  defined({&x, &y});
  need(params.stride.h > 0 && params.stride.w > 0, "a stride");
  shaped(y, pool2d_shape("pool", x.shape(), checked_pool2d("pool", params)));
}

DType channel_type(const Tensor& x) { return x.dtype() == DType::f64 ? DType::f64 : DType::f32; }

/// x and y, and the tensors [C] that go with them; the first two must be there.
void normed(const Tensor& x, const Tensor& y, Tensors channels) {
  defined({&x, &y});
  floating({&x, &y});
  one_shape({&x, &y});
  one_layout({&x, &y});
  need(x.rank() >= 2, "x [N, C, ...]");
  for (const Tensor* tensor : channels) {
    defined({tensor});
    optional_channels(*tensor, x.shape()[1], channel_type(x));
  }
}

/// Dense rows [N, columns] of one floating type.
void rows(const Tensor& first, Tensors tensors, int64_t columns) {
  for (const Tensor* tensor : tensors) {
    defined({tensor});
    floating({&first, tensor});
    row_major({tensor});
    shaped(*tensor, {first.shape()[0], columns});
  }
}

int64_t width(const Tensor& state) {
  defined({&state});
  need(state.rank() == 2, "a state [N, H]");
  rows(state, {&state}, state.shape()[1]);
  return state.shape()[1];
}

/// Logits [N, C] and classes [N] or probabilities [N, C].
void labelled(const Tensor& x, const Tensor& target) {
  defined({&x, &target});
  need(x.rank() == 2, "logits [N, C]");
  floating({&x});
  row_major({&x, &target});
  if (target.dtype() == DType::i64) return shaped(target, {x.shape()[0]});
  one_type({&x, &target});
  one_shape({&x, &target});
}

void loss_type(const Tensor& x, const Tensor& loss) {
  need(loss.dtype() == channel_type(x), "a loss in f32, or f64 with logits in f64");
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, const Tensor& y) {
  defined({&a, &b, &y});
  floating({&a, &b, &y});
  need(a.rank() >= 2 && a.rank() == b.rank(), "matrices of one rank");
  shaped(y, matmul_shape(a.shape(), b.shape()));
  for (int axis = 0; axis + 2 < a.rank(); ++axis) {
    need(a.shape()[axis] == b.shape()[axis], "equal batch axes");
  }
  matrix_strides(a);
  matrix_strides(b);
  row_major({&y});
}

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation, const Tensor& y) {
  defined({&x, &weight, &y});
  floating({&x, &weight, &y});
  need(x.rank() == 2 && weight.rank() == 2 && x.shape()[1] == weight.shape()[1],
       "x [N, I] and weight [O, I]");
  row_major({&x, &weight, &y});
  optional_channels(bias, weight.shape()[0], x.dtype());
  shaped(y, {x.shape()[0], weight.shape()[0]});
}

void linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, const Backend::LinearGrads& grads) {
  linear(x, weight, grads.dbias, Activation::none, dy);
  optional_like(grads.dx, x);
  optional_like(grads.dweight, weight);
  for (const Tensor* gradient : {&grads.dx, &grads.dweight}) {
    if (gradient->defined()) row_major({gradient});
  }
}

void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
            const Tensor& y) {
  defined({&x, &w, &y});
  floating({&x, &w, &y});
  row_major({&w});
  shaped(y, conv2d_shape(x.shape(), w.shape(), params));
  one_layout({&x, &y});
  optional_channels(bias, w.shape()[0], x.dtype());
}

void conv2d_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& w,
                 const Conv2dParams& params, const Backend::Conv2dGradients& result) {
  need(x.defined() || (!result.dw.defined() && !result.db.defined()), "the images x");
  const Tensor& images = x.defined() ? x : result.dx;
  conv2d(images, w, result.db, params, dy);
  need(y.defined() == (params.activation != Activation::none), "the result y where there is an activation");
  optional_like(y, dy);
  optional_like(result.dx, images);
  optional_like(result.dw, w);
  one_layout({&images, &dy, y.defined() ? &y : &dy, result.dx.defined() ? &result.dx : &images});
  if (result.dw.defined()) row_major({&result.dw});
}

void max_pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y) {
  pooled(x, params, y);
  floating({&x, &y});
  one_layout({&x, &y});
}

void max_pool2d_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const Pool2dParams& params,
                     const Tensor& dx) {
  pooled(x, params, y);
  defined({&dy, &dx});
  floating({&x, &y, &dy, &dx});
  one_shape({&y, &dy});
  one_shape({&x, &dx});
  one_layout({&x, &y, &dy, &dx});
}

void max_pool2d_indices(const Tensor& x, const Pool2dParams& params, const Tensor& index) {
  pooled(x, params, index);
  floating({&x});
  need(index.dtype() == DType::i64, "positions in i64");
  row_major({&x, &index});
}

void avg_pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y) { max_pool2d(x, params, y); }

void avg_pool2d_grad(const Tensor& dy, const Pool2dParams& params, const Tensor& dx) {
  max_pool2d(dx, params, dy);
}

void batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const Backend::BatchNormState& state, const Tensor& y, const Tensor& mean,
                      const Tensor& inv_std) {
  normed(x, y, {&weight, &bias, &mean, &inv_std});
  need(!state.running_mean.defined() && !state.running_var.defined(), "no running statistics");
}

void batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Backend::BatchNormState& state, const Tensor& y) {
  normed(x, y, {&weight, &bias, &state.running_mean, &state.running_var});
}

void batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& inv_std,
                     const Tensor& y, const Tensor& dy, const Tensor& dx, const Tensor& dweight,
                     const Tensor& dbias) {
  normed(x, dx, {&weight, &mean, &inv_std, &dweight, &dbias});
  defined({&dy});
  optional_like(dy, x);
  optional_like(y, x);
  one_layout({&x, &dx, &dy, y.defined() ? &y : &dy});
}

void lstm_cell(const Tensor& gates, const Tensor& c0, const Tensor& saved, const Tensor& c, const Tensor& h) {
  const int64_t size = width(c0);
  rows(c0, {&gates, &saved}, 4 * size);
  rows(c0, {&c, &h}, size);
}

void lstm_cell_grad(const Tensor& saved, const Tensor& c0, const Tensor& c, const Tensor& dh,
                    const Tensor& dc, const Tensor& dgates, const Tensor& dc0) {
  const int64_t size = width(c0);
  rows(c0, {&saved, &dgates}, 4 * size);
  rows(c0, {&c, &dh, &dc, &dc0}, size);
}

void gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0, const Tensor& saved, const Tensor& h) {
  const int64_t size = width(h0);
  rows(h0, {&gx, &gh}, 3 * size);
  rows(h0, {&saved}, 4 * size);
  rows(h0, {&h}, size);
}

void gru_cell_grad(const Tensor& saved, const Tensor& h0, const Tensor& dh, const Tensor& dgx,
                   const Tensor& dgh, const Tensor& dh0) {
  const int64_t size = width(h0);
  rows(h0, {&saved}, 4 * size);
  rows(h0, {&dgx, &dgh}, 3 * size);
  rows(h0, {&dh, &dh0}, size);
}

void softmax(const Tensor& x, bool, const Tensor& y) {
  defined({&x, &y});
  need(x.rank() == 2, "rows [N, C]");
  rows(x, {&x, &y}, x.shape()[1]);
}

void softmax_grad(const Tensor& y, const Tensor& dy, bool log, const Tensor& dx) {
  softmax(y, log, dy);
  softmax(y, log, dx);
}

void cross_entropy(const Tensor& x, const Tensor& target, const Backend::CrossEntropy& result) {
  labelled(x, target);
  defined({&result.loss});
  loss_type(x, result.loss);
  row_major({&result.loss});
  if (result.loss.rank() != 0) shaped(result.loss, {x.shape()[0]});
  optional_like(result.dx, x);
  if (result.dx.defined()) row_major({&result.dx});
}

void cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& dloss, double,
                        const Tensor& dx) {
  labelled(x, target);
  defined({&dloss, &dx});
  loss_type(x, dloss);
  row_major({&dloss, &dx});
  if (dloss.numel() != 1) shaped(dloss, {x.shape()[0]});
  optional_like(dx, x);
}

}  // namespace dlengine::contract
