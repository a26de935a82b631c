// Joins axes, and parts one.
#include "dlengine/layers/flatten.h"

#include <algorithm>

#include "dlengine/core/check.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

std::string Flatten::description() const { return start_ == 1 ? "" : "from axis " + std::to_string(start_); }

Tensor Flatten::forward(const Tensor& x) { return x.flatten(start_, -1); }

Unflatten::Unflatten(int axis, const Shape& sizes) : axis_(axis), sizes_(sizes) {
  const bool known = std::all_of(sizes.begin(), sizes.end(), [](int64_t size) { return size >= -1; });
  check<ValueError>(known && sizes.rank() > 0 && std::count(sizes.begin(), sizes.end(), -1) <= 1,
                    "Unflatten: need sizes of 0 or more, of which one may be -1, got {}", sizes);
}

std::string Unflatten::description() const { return fmt::format("axis {} to {}", axis_, sizes_); }

Tensor Unflatten::forward(const Tensor& x) {
  const int axis = normalize_axis("Unflatten", axis_, x.rank());
  Shape sizes = sizes_;
  const auto open = std::find(sizes.begin(), sizes.end(), -1);
  if (open != sizes.end()) {
    *open = 1;
    *open = x.dim(axis) / std::max<int64_t>(sizes.product(), 1);
  }
  check<ShapeError>(sizes.product() == x.dim(axis), "Unflatten: axis {} of {} does not become {}", axis,
                    x.shape(), sizes_);
  Shape shape = x.shape();
  shape.erase(axis);
  for (int i = 0; i < sizes.rank(); ++i) shape.insert(axis + i, sizes[i]);
  return x.reshape(shape);
}

}  // namespace dlengine
