// Internal: what several operations need.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "dlengine/core/autograd.h"
#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

struct Unary;

/// Throws ValueError for an undefined tensor and DeviceError for tensors on different devices; undefined ones
/// that may be are left out by the caller.
void check_operands(const char* op, std::initializer_list<const Tensor*> tensors);

/// Throws DTypeError unless the tensors have one floating type.
void check_one_floating_type(const char* op, std::initializer_list<const Tensor*> tensors);

/// x read as `shape`, with stride 0 along broadcast axes; off the tape.
Tensor broadcast_view(const Tensor& x, const Shape& shape);

/// The gradient of broadcasting: sums dy over the axes along which `shape` was repeated; off the tape.
Tensor sum_to(const Tensor& dy, const Shape& shape);

/// A row-major copy, or x itself if it is contiguous; off the tape.
Tensor dense(const Tensor& x);

/// Uninitialised memory for an elementwise result of operands of one type: channels-last if one of this shape
/// is.
Tensor empty_result(const Shape& shape, std::initializer_list<const Tensor*> operands);

/// i64 [count]: 0, 1, ... Made on the device, so that it can be recorded.
Tensor count_up(int64_t count, Device device);

/// bool [rows, columns], true where column - row <= diagonal. Made on the device, so that it can be recorded.
Tensor lower_triangle(const Shape& shape, int64_t diagonal, Device device);

/// Row c of the unit matrix for each of the classes i64 [N], which are known to be in range: [N, count].
Tensor unit_rows(const Tensor& classes, int64_t count, DType dtype);

/// The ending with the key of its dropout, if there is one, drawn from default_generator(). Throws ValueError
/// for a share outside of [0, 1) and for dropout without relu.
Ending with_key(const char* op, Ending ending);

/// Whether the number is one that i64 holds.
bool is_integer(double number);

/// The names of an operation on the tape, by its ending.
struct NodeNames {
  const char* plain;
  const char* with_relu;
  const char* with_dropout = nullptr;  // behind relu
};
const char* node_name(const Ending& ending, const NodeNames& names);

enum class Takes : uint8_t { floating, numeric, promoted };

/// y = f(x), on the tape; throws DTypeError that names `name` for types that it does not take. Where it takes
/// promoted types, it computes integers in f32.
Tensor unary(const Unary& f, const char* name, const Tensor& x, Takes takes = Takes::floating);

/// Applies the ending to y in place.
void finish(const Ending& ending, Tensor& y);

/// y, which has an ending, as the backward pass needs it; undefined where it does not.
Saved saved_result(const Ending& ending, const Tensor& y);

/// The gradient of z, given the saved result y = relu(z), perhaps with dropout of that scale, and y's
/// gradient; dy itself where no result was saved. Off the tape.
Tensor before_activation(const Tensor& y, const Tensor& dy, double scale = 1);

}  // namespace dlengine
