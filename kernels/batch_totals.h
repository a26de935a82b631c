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

}  // namespace dlengine
