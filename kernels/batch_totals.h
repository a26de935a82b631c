// What is counted of every batch, once for every device.
#pragma once

#include <cmath>
#include <cstdint>

#include "dlengine/core/host_device.h"

namespace dlengine {

/// The elements of the tensor that Backend::count_batch() adds to.
struct BatchTotals {
  double loss, hits, samples, batches, first_bad;

  DLENGINE_HOST_DEVICE void add(double batch_loss, int64_t batch_hits, int64_t batch_samples) {
    loss += batch_loss * double(batch_samples);
    hits += double(batch_hits);
    samples += double(batch_samples);
    batches += 1;
    if (first_bad == 0 && !(std::fabs(batch_loss) < INFINITY)) first_bad = batches;
  }
};

/// True if row x[0 .. n-1] has its first largest element at `wanted`; NaN is larger than all. A is the type
/// in which elements of T are compared.
template <typename A, typename T>
DLENGINE_HOST_DEVICE bool is_hit(const T* x, int64_t n, int64_t wanted) {
  int64_t best = 0;
  A largest = A(x[0]);
  for (int64_t i = 1; i < n && largest == largest; ++i) {
    const A value = A(x[i]);
    if (value > largest || value != value) {
      largest = value;
      best = i;
    }
  }
  return best == wanted;
}

}  // namespace dlengine
