// Internal: how the library asks a data set for samples.
#pragma once

#include <cstdint>
#include <span>

#include "dlengine/data/dataset.h"

namespace dlengine {

/// What dataset.get(indices) gives while this thread's default generator is one with that seed; afterwards it
/// is as it was. Throws ShapeError for another number of samples; y may be undefined.
Batch read_batch(const Dataset& dataset, std::span<const int64_t> indices, uint64_t seed = 0);

}  // namespace dlengine
