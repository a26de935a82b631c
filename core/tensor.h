// The tensor: a strided view of shared device memory, and its link to the autograd tape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dlengine/core/device.h"
#include "dlengine/core/dtype.h"
#include "dlengine/core/index.h"
#include "dlengine/core/shape.h"
#include "dlengine/core/storage.h"

namespace dlengine {

class Node;

/// A handle: copies share elements, gradient and place on the tape, as in PyTorch. Views (slice, transpose,
/// reshape where it can) share the elements. A default-constructed Tensor is undefined, as grad() is before
/// backward(): whatever is asked of one but defined() throws a ValueError.
///
/// Assignment makes a handle show another tensor and writes no elements, so it does not compile for a view
/// that nobody holds: not x.index({0}) = y but x.index({0}).copy_(y).
///
/// Every operation that computes elements is differentiable where its docstring has a "Grads" line.
class Tensor {
 public:
  Tensor() = default;
  /// A view of storage, `offset` elements from its start.
  Tensor(std::shared_ptr<Storage> storage, int64_t offset, const Shape& shape, const Strides& strides,
         DType dtype);
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  ~Tensor() = default;

  bool defined() const { return impl_ != nullptr; }
  /// Throws ValueError, in the name of op, if the tensor is undefined.
  void check_defined(const char* op) const {
    if (!impl_) [[unlikely]]
      throw_undefined(op);
  }
  const Shape& shape() const { return checked("shape").shape; }
  const Strides& strides() const { return checked("strides").strides; }  // in elements
  int rank() const { return checked("rank").shape.rank(); }
  int ndim() const { return rank(); }  // NumPy's name for it
  /// Size of one axis; negative axes count from the end. Throws ShapeError.
  int64_t dim(int axis) const;
  int64_t numel() const { return checked("numel").numel; }
  DType dtype() const { return checked("dtype").dtype; }
  Device device() const { return checked("device").storage->device(); }
  /// Row-major without gaps.
  bool is_contiguous() const;
  const std::shared_ptr<Storage>& storage() const { return checked("storage").storage; }
  int64_t offset() const { return checked("offset").offset; }  // in elements

  /// Address of the first element, on the tensor's device.
  void* raw() const {
    const Impl& impl = checked("raw");
    return impl.storage->data() + impl.offset * static_cast<int64_t>(size_of(impl.dtype));
  }
  /// raw() as T*. Throws DTypeError if T is not the element type.
  template <typename T>
  T* data() const {
    if (dtype_of<T> != checked("data").dtype) throw_wrong_type(dtype_of<T>);
    return static_cast<T*>(raw());
  }

  // Views. Grads: all of them. Negative axes and positions count from the end.

  /// NumPy's indexing in one call: x.index({Slice(10, 100), 0, Slice(-14), kEllipsis, kNewAxis}). Axes that
  /// are not named stay whole. To write there: x.index({0}).fill_(1), or copy_(y). Throws ShapeError for more
  /// items than axes and for a second ellipsis, ValueError for a position outside of its axis and for a step
  /// below 1.
  Tensor index(std::initializer_list<Index> items) const;
  /// Elements start, start + step, ... before stop along an axis; positions are clipped as in NumPy. step
  /// >= 1.
  Tensor slice(int axis, int64_t start, int64_t stop = kEnd, int64_t step = 1) const;
  /// Position `index` of an axis; the axis goes away. Throws ValueError outside of it.
  Tensor select(int axis, int64_t index) const;
  Tensor transpose(int axis0, int axis1) const;
  Tensor permute(std::initializer_list<int> axes) const;
  Tensor permute(std::span<const int> axes) const;
  /// Same elements, other shape; one size may be -1. Copies where strides do not allow a view.
  Tensor reshape(const Shape& shape) const;
  /// Joins axes first .. last into one.
  Tensor flatten(int first = 0, int last = -1) const;
  /// Removes axes of size 1 (all, or the one named).
  Tensor squeeze() const;
  Tensor squeeze(int axis) const;
  Tensor unsqueeze(int axis) const;
  /// Repeats axes of size 1 without copying, by NumPy's broadcasting rule; -1 keeps an axis.
  Tensor expand(const Shape& shape) const;

  // Copies. Grads: all of them.

  /// This tensor if it is contiguous, else a row-major copy.
  Tensor contiguous() const;
  Tensor clone() const;
  /// On another device; this tensor if it is already there.
  Tensor to(Device device) const;
  /// As another type; this tensor if it has it already. Floating to integer truncates, and outside of the
  /// integer's range gives its nearest end (NaN: 0); to bool is != 0.
  Tensor to(DType dtype) const;

  // Elements on the host. These wait for the device.

  /// The single element, converted to T as to(dtype) does. Throws ShapeError if there is not exactly one.
  template <typename T>
  T item() const;
  /// All elements in row-major order, converted to T as to(dtype) does.
  template <typename T>
  std::vector<T> to_vector() const;

  // In-place writes. Refused (AutogradError) on tensors that are on the tape, unless a NoGrad is active.

  Tensor& copy_(const Tensor& source);  // broadcasts and converts
  Tensor& fill_(double value);
  Tensor& zero_() { return fill_(0); }

  // Autograd; see autograd.h.

  bool requires_grad() const { return checked("requires_grad").requires_grad; }
  /// Marks a leaf whose gradient backward() shall collect. Throws DTypeError for integers.
  Tensor& set_requires_grad(bool value = true);
  /// The gradient collected since the last zero_grad(); undefined if there is none.
  Tensor grad() const { return Tensor(checked("grad").grad); }
  /// Forgets the gradient. Its memory stays with the tensor for the next backward().
  void zero_grad();
  /// Back-propagates from this scalar (or from any tensor, given dL/dthis) into the leaves' grad().
  void backward() const;
  void backward(const Tensor& gradient) const;
  /// The same elements, off the tape.
  Tensor detach() const;

  /// Shows the elements of `other` from now on, through every copy of this handle, and forgets the gradient:
  /// how parameters move to another device, type or arena. For leaves.
  void set_data(const Tensor& other) {
    check_defined("set_data");
    other.check_defined("set_data");
    const bool wants_grad = impl_->requires_grad;
    *impl_ = *other.impl_;
    impl_->requires_grad = wants_grad;
    impl_->node = nullptr;
    impl_->grad = impl_->grad_buffer = nullptr;
  }

  /// For the engine's own parts (tape, arenas): the shared state behind the handle.
  struct Impl {
    Impl(std::shared_ptr<Storage> s, int64_t start, const Shape& sizes, const Strides& steps, DType type)
        : storage(std::move(s)),
          offset(start),
          numel(sizes.product()),
          shape(sizes),
          strides(steps),
          dtype(type) {}

    std::shared_ptr<Storage> storage;
    int64_t offset;
    int64_t numel;
    Shape shape;
    Strides strides;
    DType dtype;
    bool requires_grad = false;
    std::shared_ptr<Node> node;         // the operation that made it; null for leaves
    std::shared_ptr<Impl> grad;         // null until backward() came by
    std::shared_ptr<Impl> grad_buffer;  // where the first gradient is written; null: new memory
  };
  explicit Tensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  const Impl& checked(const char* op) const {
    check_defined(op);
    return *impl_;
  }
  [[noreturn]] void throw_wrong_type(DType wanted) const;
  [[noreturn]] static void throw_undefined(const char* op);

  std::shared_ptr<Impl> impl_;
};

/// Text like NumPy's, shortened with "..." beyond 1000 elements.
std::string to_string(const Tensor& tensor);
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace dlengine
