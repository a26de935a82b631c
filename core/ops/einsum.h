// Sums of products, written as an equation.
#pragma once

#include <string_view>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// NumPy's einsum: every axis has a letter, axes of one letter go together, and what the result does not name
/// is summed. einsum("bij,bjk->bik", {a, b}) is matmul(a, b), einsum("ii->", {a}) the trace, einsum("i,j",
/// {a, b}) outer(a, b). Without an arrow the result has the letters that come once, in alphabetical order.
/// "..." stands for axes without letters, which broadcast: einsum("...ij->...ji", {a}). A letter that comes
/// twice in one operand takes its diagonal.
///
/// Operands are multiplied from left to right, two at a time and as matrices where they can be; what is large
/// should be summed early. The result may be a view. Types: floating, one type; integers of any types give
/// i64. Grads: all operands. Throws, with the equation, ValueError for one that cannot be read; ShapeError
/// for axes that do not fit; DTypeError, DeviceError.
Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands);

}  // namespace dlengine
