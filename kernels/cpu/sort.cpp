// Running sums and sorted orders along an axis.
#include <algorithm>
#include <vector>

#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/lines.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

void CpuBackend::cumsum(const Tensor& x, int axis, bool reverse, Tensor& y) {
  const int64_t length = x.shape()[axis], x_step = x.strides()[axis], y_step = y.strides()[axis];
  visit_numeric(x.dtype(), "cumsum", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    launch_lines(y, x, axis, [=, from = x.data<T>(), to = y.data<T>()](int64_t y_start, int64_t x_start) {
      A sum(0);
      for (int64_t i = 0; i < length; ++i) {
        const int64_t k = reverse ? length - 1 - i : i;
        sum = Add::value(sum, A(from[x_start + k * x_step]));
        to[y_start + k * y_step] = T(sum);
      }
    });
  });
}

namespace {

template <typename A>
struct Item {
  A value;
  int64_t position;
};

}  // namespace

void CpuBackend::argsort(const Tensor& x, int axis, bool descending, Tensor& y) {
  const int64_t length = x.shape()[axis], x_step = x.strides()[axis], y_step = y.strides()[axis];
  visit_numeric(x.dtype(), "argsort", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    launch_lines(
        y, x, axis, [=, from = x.data<T>(), to = y.data<int64_t>()](int64_t y_start, int64_t x_start) {
          std::vector<Item<A>> items(static_cast<size_t>(length));
          for (int64_t i = 0; i < length; ++i) items[size_t(i)] = {A(from[x_start + i * x_step]), i};
          std::sort(items.begin(), items.end(), [before = Before{descending}](const auto& a, const auto& b) {
            return before(a.value, b.value) || (!before(b.value, a.value) && a.position < b.position);
          });
          for (int64_t i = 0; i < length; ++i) to[y_start + i * y_step] = items[size_t(i)].position;
        });
  });
}

}  // namespace dlengine
