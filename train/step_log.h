// Internal: loss, hits and metrics of every step, added up on the device so that training does not wait for
// them.
#pragma once

#include <cstdint>
#include <vector>

#include "dlengine/core/tensor.h"
#include "dlengine/train/history.h"
#include "dlengine/train/loss_function.h"
#include "dlengine/train/metrics.h"

namespace dlengine {

/// loss_of() queues device work, also in a recorded step; read() waits for it.
class StepLog {
 public:
  explicit StepLog(Device device, Accuracy accuracy = Accuracy::automatic,
                   std::vector<NamedMetric> metrics = {});

  /// Begins an epoch of which `done` steps were counted in `before`.
  void start(int64_t done = 0, const Totals& before = {});

  /// loss(output, target), the mean over the batch, added up, hits as accuracy says, and the metrics. Throws
  /// ShapeError unless the loss is one element, and where the shapes are not those of the accuracy asked for;
  /// and as the metrics do.
  Tensor loss_of(const LossFunction& loss, const Tensor& output, const Tensor& target);

  /// True if loss_of() counts hits for such an output and target.
  bool counts(const LossFunction& loss, const Tensor& output, const Tensor& target) const;

  /// Brings totals() up to date. Returns the number (from 1) of the first step whose loss is not finite, or
  /// 0.
  int64_t read();
  const Totals& totals() const { return totals_; }

  /// From now on the loss of each batch is kept. To be called before the first one.
  void keep_last_loss();
  /// That of the last one. Waits for it.
  double last_loss() const { return last_loss_.item<double>(); }

 private:
  Tensor counted_loss(const LossFunction& loss, const Tensor& output, const Tensor& target);
  void add_metrics(const Tensor& output, const Tensor& target);
  void count_answers(int64_t beyond, const Tensor& ignored);
  Tensor part(int64_t begin, int64_t count) const { return sums_.slice(0, begin, begin + count); }
  /// Adds to some of the sums.
  void add(int64_t begin, const Tensor& numbers);

  // f64: as Backend::count_batch() has them, then the answers beyond one a sample, then the metrics
  Tensor sums_;
  Tensor batch_totals_;  // the first of them
  Tensor last_loss_;     // f64 [1], if it is kept
  Accuracy accuracy_;
  std::vector<NamedMetric> metrics_;
  bool classes_ = false;  // hits are counted
  Totals totals_;
};

}  // namespace dlengine
