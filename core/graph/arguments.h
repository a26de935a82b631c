// Internal: the arguments of Backend's functions, part by part, for all that keep, read or fill them.
//
// A visitor v has v.tensor(Tensor&), v.plain(value) for an argument that is a number or a word itself, and
// v.field(name, value, usual) for one that is part of a struct and is left out where it is as usual.
#pragma once

#include <type_traits>

#include "dlengine/core/backend.h"

namespace dlengine {

template <typename Visitor>
void visit_argument(Visitor& v, Tensor& tensor) {
  v.tensor(tensor);
}

template <typename Visitor, typename T>
requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void visit_argument(Visitor& v, T& value) {
  v.plain(value);
}

template <typename Visitor>
void visit_argument(Visitor& v, Activation& activation) {
  v.field("activation", activation, Activation::none);
}

template <typename Visitor>
void visit_argument(Visitor& v, Unary& f) {
  v.plain(f.op);
  v.field("a", f.a, 0.0);
  v.field("b", f.b, 0.0);
}

template <typename Visitor>
void visit_argument(Visitor& v, Conv2dParams& params) {
  v.field("stride", params.stride, Size2(1));
  v.field("padding", params.padding, Size2(0));
  v.field("dilation", params.dilation, Size2(1));
  v.field("groups", params.groups, int64_t{1});
  visit_argument(v, params.activation);
}

// Without dropout, which no graph holds.
template <typename Visitor>
void visit_argument(Visitor& v, Pool2dParams& params) {
  v.field("kernel", params.kernel, Size2(0));
  v.field("stride", params.stride, Size2(0));
  v.field("padding", params.padding, Size2(0));
  v.field("count_include_pad", params.count_include_pad, true);
  visit_argument(v, params.ending.activation);
}

template <typename Visitor>
void visit_argument(Visitor& v, Backend::LinearGrads& grads) {
  v.tensor(grads.dx);
  v.tensor(grads.dweight);
  v.tensor(grads.dbias);
  v.field("mask_scale", grads.mask_scale, 0.0);
}

template <typename Visitor>
void visit_argument(Visitor& v, Backend::Conv2dGradients& gradients) {
  v.tensor(gradients.dx);
  v.tensor(gradients.dw);
  v.tensor(gradients.db);
}

template <typename Visitor>
void visit_argument(Visitor& v, Backend::BatchNormState& state) {
  v.tensor(state.running_mean);
  v.tensor(state.running_var);
  v.field("momentum", state.momentum, 0.0);
  v.field("eps", state.eps, 0.0);
  visit_argument(v, state.activation);
}

// Without totals, which a trainer counts.
template <typename Visitor>
void visit_argument(Visitor& v, Backend::CrossEntropy& result) {
  v.tensor(result.loss);
  v.field("divisor", result.divisor, 1.0);
  v.tensor(result.dx);
}

}  // namespace dlengine
