// Where samples come from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dlengine/core/samples.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Samples of one batch: x [B, ...] and y [B, ...], on the CPU.
using Batch = Samples;

/// A fixed number of samples that can be read in any order, from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// The samples with these numbers, in this order, one row for each. Throws ValueError for a number out of
  /// range. Called on the loader's thread: plain loops, no parallel_for, which would start a second team
  /// beside the one of the training step. Random numbers, as of noise or a random crop, are best drawn from
  /// default_generator(), which the loader seeds for each batch (data/loader.h).
  virtual Batch get(std::span<const int64_t> indices) const = 0;
  /// All samples, for data sets that hold them as TensorDataset does and always give the same: training then
  /// keeps them on the device and puts its batches together there, without get().
  virtual std::optional<Samples> in_memory() const { return std::nullopt; }
};

/// Samples held in memory. Images may be held as u8 and are then scaled to 0 .. 1 in f32 as they are read.
class TensorDataset final : public Dataset {
 public:
  /// x [N, ...] (u8 is divided by 255, other types stay), y [N, ...] (stays as it is). Copied only if they
  /// are not contiguous or not on the CPU. Throws ShapeError if the counts differ or one is of rank 0.
  TensorDataset(const Tensor& x, const Tensor& y);
  int64_t size() const override { return x_.dim(0); }
  Batch get(std::span<const int64_t> indices) const override;
  std::optional<Samples> in_memory() const override { return Samples{x_, y_}; }
  const Tensor& x() const { return x_; }
  const Tensor& y() const { return y_; }

 private:
  Tensor x_, y_;
};

/// A run of another data set; it must outlive this one.
class Subset final : public Dataset {
 public:
  /// Samples first .. last-1. Throws ValueError outside of the data set.
  Subset(const Dataset& dataset, int64_t first, int64_t last);
  Subset(const Dataset&& temporary, int64_t first, int64_t last) = delete;
  int64_t size() const override { return last_ - first_; }
  Batch get(std::span<const int64_t> indices) const override;
  std::optional<Samples> in_memory() const override;

 private:
  const Dataset& dataset_;
  int64_t first_, last_;
};

/// Chosen samples of another data set, which must outlive this one.
class Selection final : public Dataset {
 public:
  /// Sample i is number indices[i] of the other one; a number may come more than once. Throws ValueError for
  /// one out of range.
  Selection(const Dataset& dataset, std::vector<int64_t> indices);
  Selection(const Dataset&& temporary, std::vector<int64_t> indices) = delete;
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Batch get(std::span<const int64_t> indices) const override;
  std::optional<Samples> in_memory() const override;

 private:
  const Dataset& dataset_;
  std::vector<int64_t> indices_;
};

/// A data set in two parts.
struct Split {
  Selection train;
  Selection validation;
};

/// Splits at random, the same way for the same seed: round(share * size) samples become the validation part.
/// The data set must outlive both. Throws ValueError unless 0 < share < 1 and no part is empty.
Split random_split(const Dataset& dataset, double share, uint64_t seed = 0);
Split random_split(const Dataset&& temporary, double share, uint64_t seed = 0) = delete;

}  // namespace dlengine
