// Loss and hits of a batch, added up.
#include "dlengine/core/dtype.h"
#include "dlengine/kernels/batch_totals.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

void CpuBackend::count_batch(const Tensor& loss, const Tensor& x, const Tensor& classes, Tensor& totals) {
  const int64_t rows = x.shape()[0], columns = classes.defined() ? x.shape()[1] : 0;
  const int64_t* labels = classes.defined() ? classes.data<int64_t>() : nullptr;
  auto* sums = reinterpret_cast<BatchTotals*>(totals.data<double>());
  const bool wide = loss.dtype() == DType::f64;
  visit_floating(x.dtype(), "count_batch", [&]<typename T>(Type<T>) {
    launch([=, batch_loss = loss.raw(), outputs = x.data<T>()] {
      int64_t hits = 0;
      for (int64_t row = 0; labels && row < rows; ++row) {
        hits += arg_extreme<Greater>(outputs + row * columns, columns, 1) == labels[row];
      }
      sums->add(
          wide ? *static_cast<const double*>(batch_loss) : double(*static_cast<const float*>(batch_loss)),
          hits, rows);
    });
  });
}

}  // namespace dlengine
