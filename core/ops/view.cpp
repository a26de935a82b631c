// Views: other shapes and strides over the same elements. They are members of Tensor.
#include <algorithm>
#include <numeric>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

namespace {

/// Where a view begins in its storage, and how it reads it.
struct View {
  int64_t offset;
  Shape shape;
  Strides strides;

  explicit View(const Tensor& x) : offset(x.offset()), shape(x.shape()), strides(x.strides()) {}
  Tensor of(const Tensor& x) const { return {x.storage(), offset, shape, strides, x.dtype()}; }
};

Tensor view_of(const Tensor& x, const Shape& shape, const Strides& strides) {
  return {x.storage(), x.offset(), shape, strides, x.dtype()};
}

/// A position counted from the end where negative, then clipped to the axis, as in NumPy's slices.
int64_t clip_position(int64_t position, int64_t size) {
  if (position < 0) position += size;
  return std::clamp<int64_t>(position, 0, size);
}

void cut(const char* op, View& view, int axis, const Slice& slice) {
  check<ValueError>(slice.step >= 1, "{}: step must be at least 1, got {}; flip() turns an axis around", op,
                    slice.step);
  const int64_t size = view.shape[axis], start = clip_position(slice.start, size);
  const int64_t stop = std::max(start, clip_position(slice.stop, size));
  view.offset += start * view.strides[axis];
  view.shape[axis] = stop == start ? 0 : (stop - start - 1) / slice.step + 1;
  view.strides[axis] *= slice.step;
}

/// The position, counted from the start of the axis.
int64_t checked_position(const char* op, int64_t position, int axis, const Shape& shape) {
  const int64_t size = shape[axis];
  check<ValueError>(position >= -size && position < size, "{}: position {} is outside of axis {} of {}", op,
                    position, axis, shape);
  return position < 0 ? position + size : position;
}

/// Where the items of index() lead, one after the other.
class IndexedView {
 public:
  IndexedView(const Tensor& x, std::span<const Index> items) : shape_(x.shape()), view_(x) {
    int named = 0, ellipses = 0;
    for (const Index& item : items) {
      named += std::holds_alternative<int64_t>(item) || std::holds_alternative<Slice>(item);
      ellipses += std::holds_alternative<Ellipsis>(item);
    }
    check<ShapeError>(ellipses <= 1, "index: {} ellipses, only one may be", ellipses);
    check<ShapeError>(named <= x.rank(), "index: {} positions and slices do not fit {}", named, shape_);
    left_ = x.rank() - named;
    for (const Index& item : items) std::visit([this](const auto& what) { take(what); }, item);
  }
  const View& view() const { return view_; }

 private:
  void take(int64_t position) {
    view_.offset += checked_position("index", position, from_, shape_) * view_.strides[to_];
    view_.shape.erase(to_);
    view_.strides.erase(to_);
    ++from_;
  }
  void take(const Slice& slice) {
    cut("index", view_, to_, slice);
    ++from_;
    ++to_;
  }
  void take(Ellipsis) {
    from_ += left_;
    to_ += left_;
  }
  void take(NewAxis) {
    view_.shape.insert(to_, 1);
    view_.strides.insert(to_, 1);
    ++to_;
  }

  Shape shape_;
  View view_;
  int left_ = 0;           // axes that an ellipsis stands for
  int from_ = 0, to_ = 0;  // the next axis of x and of the view
};

/// Whether a tensor may have this shape: no size is below 0, and int64_t holds its strides.
bool is_possible(const Shape& shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements)) return false;
  }
  return true;
}

/// Replaces a size of -1 by what the other sizes leave.
Shape resolve_shape(const Tensor& x, Shape shape) {
  const auto unknown = std::count(shape.begin(), shape.end(), -1);
  check<ShapeError>(unknown <= 1, "reshape: only one size may be -1, got {}", shape);
  if (unknown == 1) {
    int64_t& open = *std::find(shape.begin(), shape.end(), -1);
    open = 1;
    const int64_t others = is_possible(shape) ? shape.product() : 0;
    open = -1;
    check<ShapeError>(others > 0 && x.numel() % others == 0, "reshape: {} elements of {} do not fit into {}",
                      x.numel(), x.shape(), shape);
    open = x.numel() / others;
  }
  check<ShapeError>(is_possible(shape) && shape.product() == x.numel(),
                    "reshape: {} elements of {} do not fit into {}", x.numel(), x.shape(), shape);
  return shape;
}

/// Strides that read (shape, strides) as `target` without a copy, if there are any. Source axes that are
/// dense among themselves form a chunk; every chunk must be filled exactly by neighbouring target axes.
std::optional<Strides> view_strides(const Shape& shape, const Strides& strides, const Shape& target) {
  if (is_contiguous(shape, strides)) return contiguous_strides(target);
  Strides result = Strides::filled(target.rank(), 0);
  int to = target.rank() - 1;
  int64_t chunk_stride = strides.back();
  int64_t chunk = 1;  // elements of the chunk
  int64_t taken = 1;  // of these, elements that target axes cover
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    chunk *= shape[axis];
    const bool goes_on = axis > 0 && (shape[axis - 1] == 1 || strides[axis - 1] == chunk * chunk_stride);
    if (goes_on) continue;
    for (; to >= 0 && (taken < chunk || target[to] == 1); --to) {
      result[to] = taken * chunk_stride;
      taken *= target[to];
    }
    if (taken != chunk) return std::nullopt;
    if (axis > 0) chunk_stride = strides[axis - 1];
    chunk = taken = 1;
  }
  return result;
}

}  // namespace

Tensor Tensor::index(std::initializer_list<Index> items) const {
  check_defined("index");
  const Tensor y = IndexedView(*this, items).view().of(*this);
  return record("index", y, {*this}, [kept = std::vector(items)](const Tensor& dy, InputGrads& dx) {
    Tensor gradient = dx.buffer(0);
    gradient.zero_();
    IndexedView(gradient, kept).view().of(gradient).copy_(dy);
    dx.add(0, gradient);
  });
}

Tensor Tensor::slice(int axis, int64_t start, int64_t stop, int64_t step) const {
  check_defined("slice");
  axis = normalize_axis("slice", axis, rank());
  const Slice range(start, stop, step);
  View view(*this);
  cut("slice", view, axis, range);
  return record("slice", view.of(*this), {*this}, [axis, range](const Tensor& dy, InputGrads& dx) {
    Tensor gradient = dx.buffer(0);
    gradient.zero_();
    gradient.slice(axis, range.start, range.stop, range.step).copy_(dy);
    dx.add(0, gradient);
  });
}

Tensor Tensor::select(int axis, int64_t index) const {
  check_defined("select");
  axis = normalize_axis("select", axis, rank());
  const int64_t position = checked_position("select", index, axis, shape());
  return slice(axis, position, position + 1).squeeze(axis);
}

Tensor Tensor::transpose(int axis0, int axis1) const {
  check_defined("transpose");
  std::vector<int> axes(static_cast<size_t>(rank()));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[static_cast<size_t>(normalize_axis("transpose", axis0, rank()))],
            axes[static_cast<size_t>(normalize_axis("transpose", axis1, rank()))]);
  return permute(axes);
}

Tensor Tensor::permute(std::initializer_list<int> axes) const {
  return permute(std::span<const int>(axes.begin(), axes.size()));
}

Tensor Tensor::permute(std::span<const int> axes) const {
  check_defined("permute");
  check<ShapeError>(static_cast<int>(axes.size()) == rank(), "permute: {} axes given for {}", axes.size(),
                    shape());
  Shape permuted;
  Strides steps;
  std::vector<int> back(axes.size(), -1);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalize_axis("permute", axes[i], rank());
    check<ShapeError>(back[static_cast<size_t>(axis)] < 0, "permute: axis {} is named twice", axis);
    back[static_cast<size_t>(axis)] = static_cast<int>(i);
    permuted.push_back(shape()[axis]);
    steps.push_back(strides()[axis]);
  }
  Tensor y = view_of(*this, permuted, steps);
  return record("permute", y, {*this},
                [back](const Tensor& dy, InputGrads& dx) { dx.add(0, dy.permute(back)); });
}

Tensor Tensor::reshape(const Shape& wanted) const {
  check_defined("reshape");
  const Shape target = resolve_shape(*this, wanted);
  if (target == shape()) return *this;
  const auto steps = view_strides(shape(), strides(), target);
  if (!steps) return contiguous().reshape(target);
  Tensor y = view_of(*this, target, *steps);
  return record("reshape", y, {*this},
                [from = shape()](const Tensor& dy, InputGrads& dx) { dx.add(0, dy.reshape(from)); });
}

Tensor Tensor::flatten(int first, int last) const {
  check_defined("flatten");
  if (rank() == 0) return reshape({1});
  first = normalize_axis("flatten", first, rank());
  last = normalize_axis("flatten", last, rank());
  check<ShapeError>(first <= last, "flatten: axis {} comes after axis {}", first, last);
  Shape joined = shape();
  while (last > first) {
    joined[first] *= joined[first + 1];
    joined.erase(first + 1);
    --last;
  }
  return reshape(joined);
}

Tensor Tensor::squeeze() const {
  check_defined("squeeze");
  Shape kept;
  for (int64_t size : shape()) {
    if (size != 1) kept.push_back(size);
  }
  return reshape(kept);
}

Tensor Tensor::squeeze(int axis) const {
  check_defined("squeeze");
  axis = normalize_axis("squeeze", axis, rank());
  check<ShapeError>(shape()[axis] == 1, "squeeze: axis {} of {} is not 1", axis, shape());
  Shape kept = shape();
  kept.erase(axis);
  return reshape(kept);
}

Tensor Tensor::unsqueeze(int axis) const {
  check_defined("unsqueeze");
  axis = normalize_axis("unsqueeze", axis, rank() + 1);
  Shape wider = shape();
  wider.insert(axis, 1);
  return reshape(wider);
}

Tensor Tensor::expand(const Shape& given) const {
  check_defined("expand");
  Shape target = given;
  const int added = target.rank() - rank();
  for (int axis = std::max(added, 0); axis < target.rank(); ++axis) {
    if (target[axis] == -1) target[axis] = shape()[axis - added];
  }
  check<ShapeError>(is_possible(target) && broadcast_shapes("expand", shape(), target) == target,
                    "expand: {} does not broadcast to {}", shape(), given);
  if (target == shape()) return *this;
  Tensor y = view_of(*this, target, broadcast_strides(shape(), strides(), target));
  return record("expand", y, {*this},
                [from = shape()](const Tensor& dy, InputGrads& dx) { dx.add(0, sum_to(dy, from)); });
}

}  // namespace dlengine
