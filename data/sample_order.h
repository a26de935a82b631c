// Internal: which samples make up the batches of an epoch, wherever they are put together, and their seeds.
#pragma once

#include <cstdint>
#include <vector>

#include "dlengine/data/loader.h"

namespace dlengine {

/// Throws ValueError for batch_size < 1; `who` is told.
void check_order_options(const char* who, const LoaderOptions& options);

/// Throws ValueError for epoch < 0.
void check_epoch(const char* who, int64_t epoch);

/// Batches of an epoch.
int64_t count_batches(int64_t samples, const LoaderOptions& options);

/// The numbers 0 .. count-1 in the order of the epoch.
std::vector<int64_t> sample_order(int64_t count, const LoaderOptions& options, int64_t epoch);

/// What a data set's random numbers for a batch are seeded with: a function of (options.seed, epoch, batch).
uint64_t seed_of_batch(const LoaderOptions& options, int64_t epoch, int64_t batch);

}  // namespace dlengine
