// Gathering a batch from samples in memory.
#include <algorithm>

#include "dlengine/core/sample_rows.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"

namespace dlengine {

void CpuBackend::take_samples(const Samples& all, const Tensor& order, const BatchPosition& at,
                              Samples& batch) {
  const SampleRows x(all.x, batch.x), y(all.y, batch.y);
  const int64_t* const rows = order.data<int64_t>();
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, x.bytes() + y.bytes()));
  launch_for(batch.size(), grain, [=, count = order.numel()](int64_t begin, int64_t end) {
    const int64_t first = at.now();
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = rows[(first + i) % count];
      x.take(row, i);
      y.take(row, i);
    }
  });
}

}  // namespace dlengine
