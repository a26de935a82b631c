// Internal: what core/backend.h asks of the arguments of each function. Each of these throws an Error that
// says what is wrong; none reads elements. Operations keep to it by themselves; files are not trusted to.
#pragma once

#include "dlengine/core/backend.h"

namespace dlengine::contract {

void copy(const Tensor& x, const Tensor& y);
void fill(const Tensor& y, double value);
void index_select(const Tensor& x, int axis, const Tensor& index, const Tensor& y);
void index_add(const Tensor& dy, int axis, const Tensor& index, const Tensor& dx);
void gather(const Tensor& x, int axis, const Tensor& index, const Tensor& y);
void scatter_add(const Tensor& dy, int axis, const Tensor& index, const Tensor& dx);

void unary(const Unary& f, const Tensor& x, const Tensor& y);
void unary_grad(const Unary& f, const Tensor& saved, const Tensor& dy, const Tensor& dx);
void relu_grad(const Tensor& y, const Tensor& dy, double scale, const Tensor& dx);
void scale_shift(const Tensor& x, double scale, double shift, const Tensor& y);
void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y);
void compare(CompareOp op, const Tensor& a, const Tensor& b, const Tensor& y);
void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& y);

void reduce(ReduceOp op, const Tensor& x, const Tensor& y);
void arg_reduce(bool largest, const Tensor& x, int axis, const Tensor& y);
void cumsum(const Tensor& x, int axis, bool reverse, const Tensor& y);
void argsort(const Tensor& x, int axis, bool descending, const Tensor& y);

void matmul(const Tensor& a, const Tensor& b, const Tensor& y);
void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
            const Tensor& y);
void linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, const Backend::LinearGrads& grads);

void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
            const Tensor& y);
void conv2d_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& w,
                 const Conv2dParams& params, const Backend::Conv2dGradients& result);
void max_pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y);
void max_pool2d_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const Pool2dParams& params,
                     const Tensor& dx);
void max_pool2d_indices(const Tensor& x, const Pool2dParams& params, const Tensor& index);
void avg_pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y);
void avg_pool2d_grad(const Tensor& dy, const Pool2dParams& params, const Tensor& dx);

void batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const Backend::BatchNormState& state, const Tensor& y, const Tensor& mean,
                      const Tensor& inv_std);
void batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Backend::BatchNormState& state, const Tensor& y);
void batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& inv_std,
                     const Tensor& y, const Tensor& dy, const Tensor& dx, const Tensor& dweight,
                     const Tensor& dbias);

void lstm_cell(const Tensor& gates, const Tensor& c0, const Tensor& saved, const Tensor& c, const Tensor& h);
void lstm_cell_grad(const Tensor& saved, const Tensor& c0, const Tensor& c, const Tensor& dh,
                    const Tensor& dc, const Tensor& dgates, const Tensor& dc0);
void gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0, const Tensor& saved, const Tensor& h);
void gru_cell_grad(const Tensor& saved, const Tensor& h0, const Tensor& dh, const Tensor& dgx,
                   const Tensor& dgh, const Tensor& dh0);

void softmax(const Tensor& x, bool log, const Tensor& y);
void softmax_grad(const Tensor& y, const Tensor& dy, bool log, const Tensor& dx);
void cross_entropy(const Tensor& x, const Tensor& target, const Backend::CrossEntropy& result);
void cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& dloss, double divisor,
                        const Tensor& dx);

}  // namespace dlengine::contract
