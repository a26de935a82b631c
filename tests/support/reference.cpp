// References of elementwise operations, reductions, products and of operations that move elements.
#include "tests/support/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dlengine::test::reference {
namespace {

// The position in an array of `shape` that is read for a position of the broadcast result.
Dims narrowed(const Dims& index, const Shape& shape) {
  Dims result = Dims::filled(shape.rank(), 0);
  const int lead = index.rank() - shape.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) result[axis] = shape[axis] == 1 ? 0 : index[axis + lead];
  return result;
}

// Own rule, so that a mistake in the library's shows.
Shape joint_shape(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result = Shape::filled(rank, 1);
  for (int back = 1; back <= rank; ++back) {
    const int64_t from_a = back <= a.rank() ? a[a.rank() - back] : 1;
    const int64_t from_b = back <= b.rank() ? b[b.rank() - back] : 1;
    result[rank - back] = from_a == 1 ? from_b : from_a;
  }
  return result;
}

bool contains(const Shape& axes, int axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

}  // namespace

NdArray map(const NdArray& x, const std::function<double(double)>& f) {
  NdArray y(x.shape);
  std::transform(x.values.begin(), x.values.end(), y.values.begin(), f);
  return y;
}

NdArray expand(const NdArray& x, const Shape& shape) {
  NdArray y(shape);
  for_each_index(shape, [&](const Dims& index) { y.at(index) = x.at(narrowed(index, x.shape)); });
  return y;
}

NdArray sum_to(const NdArray& x, const Shape& shape) {
  NdArray y(shape);
  for_each_index(x.shape, [&](const Dims& index) { y.at(narrowed(index, shape)) += x.at(index); });
  return y;
}

NdArray zip(const NdArray& a, const NdArray& b, const std::function<double(double, double)>& f) {
  NdArray y(joint_shape(a.shape, b.shape));
  if (a.shape == b.shape) {
    std::transform(a.values.begin(), a.values.end(), b.values.begin(), y.values.begin(), f);
    return y;
  }
  const NdArray wide_a = expand(a, y.shape), wide_b = expand(b, y.shape);
  return zip(wide_a, wide_b, f);
}

NdArray reduce(const NdArray& x, const Shape& axes, bool keep_axes, const Fold& f) {
  Shape kept = x.shape, dropped;
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    if (axes.empty() || contains(axes, axis)) {
      kept[axis] = 1;
    } else {
      dropped.push_back(x.shape[axis]);
    }
  }
  std::vector<std::vector<double>> groups(static_cast<size_t>(kept.product()));
  NdArray number(kept);  // of the group that lands at each position
  for (int64_t i = 0; i < number.numel(); ++i) number[i] = static_cast<double>(i);
  for_each_index(x.shape, [&](const Dims& index) {
    groups[static_cast<size_t>(number.at(narrowed(index, kept)))].push_back(x.at(index));
  });
  NdArray y(keep_axes ? kept : dropped);
  std::transform(groups.begin(), groups.end(), y.values.begin(), f);
  return y;
}

double fold_sum(const std::vector<double>& x) {
  long double sum = 0;  // long sums of equal terms would round the same way each time
  for (const double value : x) sum += value;
  return static_cast<double>(sum);
}

double fold_mean(const std::vector<double>& x) { return fold_sum(x) / static_cast<double>(x.size()); }

double fold_max(const std::vector<double>& x) {
  double best = -std::numeric_limits<double>::infinity();
  for (const double value : x) best = std::isnan(value) || value > best ? value : best;
  return best;
}

double fold_min(const std::vector<double>& x) {
  double best = std::numeric_limits<double>::infinity();
  for (const double value : x) best = std::isnan(value) || value < best ? value : best;
  return best;
}

NdArray matmul(const NdArray& a, const NdArray& b) {
  NdArray left = a, right = b;
  if (a.shape.rank() == 1) left.shape = {1, a.shape[0]};
  if (b.shape.rank() == 1) right.shape = {b.shape[0], 1};
  const int rank_a = left.shape.rank(), rank_b = right.shape.rank();
  const int64_t m = left.shape[rank_a - 2], k = left.shape[rank_a - 1], n = right.shape[rank_b - 1];
  const Shape batch_a(std::span<const int64_t>(left.shape.begin(), static_cast<size_t>(rank_a - 2)));
  const Shape batch_b(std::span<const int64_t>(right.shape.begin(), static_cast<size_t>(rank_b - 2)));
  const Shape batch = joint_shape(batch_a, batch_b);

  NdArray number_a(batch_a), number_b(batch_b);  // which matrix lies at each batch position
  for (int64_t i = 0; i < number_a.numel(); ++i) number_a[i] = static_cast<double>(i);
  for (int64_t i = 0; i < number_b.numel(); ++i) number_b[i] = static_cast<double>(i);

  Shape shape = batch;
  if (a.shape.rank() > 1) shape.push_back(m);
  if (b.shape.rank() > 1) shape.push_back(n);
  NdArray y(shape);
  int64_t matrix = 0;
  for_each_index(batch, [&](const Dims& index) {
    const auto at_a = static_cast<int64_t>(number_a.at(narrowed(index, batch_a)));
    const auto at_b = static_cast<int64_t>(number_b.at(narrowed(index, batch_b)));
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        double sum = 0;
        for (int64_t i = 0; i < k; ++i)
          sum += left[(at_a * m + row) * k + i] * right[(at_b * k + i) * n + column];
        y[(matrix * m + row) * n + column] = sum;
      }
    }
    ++matrix;
  });
  return y;
}

NdArray linear(const NdArray& x, const NdArray& weight, const NdArray& bias) {
  const NdArray y = matmul(x, permute(weight, {1, 0}));
  return bias.numel() == 0 ? y : zip(y, bias, std::plus<>());
}

NdArray permute(const NdArray& x, const std::vector<int>& axes) {
  Shape shape;
  for (const int axis : axes) shape.push_back(x.shape[axis]);
  NdArray y(shape);
  for_each_index(shape, [&](const Dims& index) {
    Dims source = index;
    for (int axis = 0; axis < index.rank(); ++axis) source[axes[static_cast<size_t>(axis)]] = index[axis];
    y.at(index) = x.at(source);
  });
  return y;
}

NdArray slice(const NdArray& x, int axis, int64_t start, int64_t count, int64_t step) {
  std::vector<int64_t> index;
  for (int64_t i = 0; i < count; ++i) index.push_back(start + i * step);
  return index_select(x, axis, index);
}

NdArray index_select(const NdArray& x, int axis, const std::vector<int64_t>& index) {
  Shape shape = x.shape;
  shape[axis] = static_cast<int64_t>(index.size());
  NdArray y(shape);
  for_each_index(shape, [&](const Dims& at) {
    Dims source = at;
    source[axis] = index[static_cast<size_t>(at[axis])];
    y.at(at) = x.at(source);
  });
  return y;
}

NdArray gather(const NdArray& x, int axis, const NdArray& index) {
  NdArray y(index.shape);
  for_each_index(index.shape, [&](const Dims& at) {
    Dims source = at;
    source[axis] = static_cast<int64_t>(index.at(at));
    y.at(at) = x.at(source);
  });
  return y;
}

NdArray concat(const std::vector<NdArray>& parts, int axis) {
  Shape shape = parts.front().shape;
  shape[axis] = 0;
  for (const NdArray& part : parts) shape[axis] += part.shape[axis];
  NdArray y(shape);
  int64_t first = 0;
  for (const NdArray& part : parts) {
    for_each_index(part.shape, [&](const Dims& at) {
      Dims target = at;
      target[axis] += first;
      y.at(target) = part.at(at);
    });
    first += part.shape[axis];
  }
  return y;
}

}  // namespace dlengine::test::reference
