// Training as in Keras: fit, evaluate, predict.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlengine/core/tensor.h"
#include "dlengine/data/dataset.h"
#include "dlengine/layers/module.h"
#include "dlengine/optim/optimizer.h"
#include "dlengine/optim/plateau.h"
#include "dlengine/optim/schedule.h"
#include "dlengine/train/early_stopping.h"
#include "dlengine/train/history.h"
#include "dlengine/train/loss_function.h"
#include "dlengine/train/metrics.h"
#include "dlengine/train/progress.h"
#include "dlengine/train/save_best.h"

namespace dlengine {

class BatchLoop;
class Doctor;
struct LoaderOptions;
struct StepPart;
class StepLog;

/// Whether training steps are recorded and replayed (CapturedStep), which leaves out their host code.
enum class Replay : uint8_t {
  automatic,  // where model and loss are made of the library's parts, or say that they are replayable
  always,     // the caller knows that host code of model and loss matters in the first steps alone
  never
};

struct TrainerOptions {
  Device device = kCpu;
  uint64_t seed = 0;     // of the sample order and of Dataset::get(); dropout draws from default_generator()
  bool progress = true;  // a bar if stderr is a terminal, else one line per epoch
  Replay replay = Replay::automatic;
  // Batches over which the gradients of one step of the optimizer are averaged; at the end of an epoch there
  // may be fewer. Replayed, too.
  int64_t accumulate = 1;
  Clipping clipping = {};              // of the gradients of a step
  std::optional<double> average = {};  // decay of an average of the weights (Optimizer::average_weights),
                                       // with which evaluate(), predict() and validation then work
  // What the optimizer treats alike, as no_decay_on_vectors; empty: everything.
  std::function<std::vector<ParameterGroup>(const std::vector<Tensor>&)> groups = {};
  // Data sets in memory of at most this size are moved to the device, where batches are put together; others
  // are sent there batch by batch.
  int64_t resident_bytes = int64_t{2} << 30;
  Accuracy accuracy = Accuracy::automatic;
  // Reported beside loss and accuracy, as {"mae", {"top_3", TopKAccuracy{3}}}: means over the samples of each
  // batch's value. They add up on the device, in replayed steps too, and are read with the loss: once an
  // epoch and for the progress bar.
  std::vector<NamedMetric> metrics = {};
  bool stop_on_interrupt =
      true;  // fit() ends after the launch in which Ctrl-C came first; a second one kills
  ProgressOptions progress_to = stderr_progress();
};

struct FitOptions {
  int64_t epochs = 1;  // number of the last one, counted from the trainer's first
  int64_t batch_size = 32;
  const Dataset* validation = nullptr;
  // Instead of validation: this share of the training data, its last samples, is held out, as Keras does;
  // random_split() chooses at random.
  double validation_split = 0;
  bool shuffle = true;
  bool drop_last = false;  // leave out a last batch that is not full; else it is kept, shorter
  Schedule schedule = {};  // factor on the optimizer's rate, from step to step; empty: constant
  // Another factor, which falls when the validation loss (without validation, the training loss) does not;
  // goes on where the last fit(), or the checkpoint, left it.
  std::optional<PlateauOptions> plateau = {};
  std::string checkpoint = {};  // written after every epoch and on Ctrl-C; empty: none
  // Another file, of the best epoch so far. Goes on where the last fit(), or the checkpoint, left it, if the
  // file is there and path, kind and the number watched are the same; else begins anew.
  std::optional<SaveBest> save_best = {};
  // After every epoch, before its checkpoint and that of save_best, which are to have what it changes. A
  // checkpoint that it saves itself counts this epoch, also as the best one. It may freeze and unfreeze
  // parameters, set what the optimizer has setters for, and call Trainer::stop_training().
  std::function<void(const EpochRecord&)> on_epoch = {};
  // After every batch of the training, to look at it or to stop there; what it changes, replayed steps may
  // not follow. On a GPU its price is that each replayed step is launched by itself, where else sixteen go at
  // once: some microseconds of the host a step, which show where steps are short. Each number that it asks
  // for costs a wait until the device has done all that is queued, so ask now and then. On the CPU both cost
  // nothing. It may save a checkpoint, and where it throws the next fit() goes on after this batch.
  std::function<void(const BatchRecord&)> on_batch = {};
  std::optional<EarlyStopping> early_stopping = {};  // counts anew in each call of fit()
  // A table with a row per epoch, as save_csv() writes it; empty: none. Another file there is left alone.
  std::string csv_log = {};
  Doctor* doctor = nullptr;  // looks at model and curves, and says what it finds among the progress
};

/// Owns nothing: model and optimizer live outside. The model is moved to the device, and shown a first sample
/// where a layer's input size was left out. Then the optimizer is attached to its parameters; if it is
/// attached already, all its parameters have to be this model's, else ValueError is thrown.
///
/// Accuracy is counted where outputs are right or wrong, which the loss tells, or TrainerOptions::accuracy.
class Trainer {
 public:
  /// Throws ValueError for accumulate < 1 and for names of metrics that are taken or cannot be in a table
  /// (check_names).
  Trainer(Module& model, LossFunction loss, Optimizer& optimizer, const TrainerOptions& options = {});

  /// Trains up to epoch number options.epochs, from where the trainer stands (0, or a resumed checkpoint;
  /// after Ctrl-C in the middle of an epoch from there). The optimizer's rate is the schedule's base, and is
  /// left as it was. Layers are put in training mode, but frozen batch norms are not (train_unfrozen).
  ///
  /// Throws ValueError for options that make no sense, an empty data set, an optimizer of another model, and
  /// for a loss or weights that are not finite, naming epoch and step: then the checkpoint of the epoch
  /// before stands, and this trainer is of no more use.
  History fit(const Dataset& train, const FitOptions& options = {});

  /// Means over a data set, in evaluation mode. Throws ValueError if it is empty. Evaluation and prediction
  /// use the average of the weights, if there is one, also where AveragedWeights shows it already.
  Metrics evaluate(const Dataset& data, int64_t batch_size = 256);

  /// The model's outputs in evaluation mode for every sample: [N, ...], on the CPU. Throws ValueError if
  /// there is none.
  Tensor predict(const Dataset& data, int64_t batch_size = 256);
  /// The same for x [N, ...], prepared as TensorDataset does. Throws ShapeError, too.
  Tensor predict(const Tensor& x, int64_t batch_size = 256);

  /// Weights, buffers, optimizer state and rate, random state of this thread and the position in the
  /// training, in one safetensors file, written whole or not at all; resuming gives the same bits as not
  /// having stopped, also from within on_batch. Throws IoError; ValueError while AveragedWeights hides the
  /// weights, and from within on_batch in the middle of a step (accumulate) or for a loss that is not finite.
  void save_checkpoint(const std::string& path);
  /// Throws IoError for a file that is damaged or no checkpoint; ValueError or ShapeError if it is one of
  /// another model, optimizer (also one with its parameters in another order) or seed, or of the middle of an
  /// epoch with other metrics, if the model has not seen its input shape, and while AveragedWeights hides the
  /// weights. Then nothing was changed.
  void load_checkpoint(const std::string& path);

  /// For FitOptions::on_epoch and on_batch: fit() ends after this epoch, as by early stopping, or after this
  /// batch (with accumulate, after its step), as by Ctrl-C. A later fit() goes on.
  void stop_training() { stop_ = true; }

  /// Epochs finished.
  int64_t epoch() const { return epoch_; }

 private:
  struct Run;
  struct Evaluation;
  std::string why_not_replayed();
  void place(const Dataset& data);
  std::vector<ParameterGroup> groups();
  std::vector<std::string> names_of(const std::vector<ParameterGroup>& groups);
  void attach();
  BatchLoop batch_loop(const Dataset& data, const LoaderOptions& order, int64_t accumulate,
                       std::function<void(const Samples& batch, const StepPart& part)> step);
  History fit_all(const Dataset& train, const FitOptions& options);
  void begin(Run& run);
  bool has_accuracy(const Run& run);
  MonitorMode checked_mode(const Run& run, const Monitored& monitored, MonitorMode mode);
  void notice_changes(Run& run);
  bool train_epoch(Run& run, EpochRecord& record);
  void read_log(Run& run, EpochRecord& record);
  int64_t run_steps(Run& run, EpochRecord& record);
  bool leaves(const Run& run) const;
  void tell_batch(Run& run, const BatchRecord& batch);
  void read_totals();
  void finish_epoch(Run& run, EpochRecord& record, History& history);
  void begin_best(Run& run);
  void end_epoch(Run& run, const EpochRecord& record);
  void save_best(const SaveBest& options);
  static void tell_reason(Run& run, const std::string& reason);
  static void tell_news(Run& run);
  static void tell_failure(Run& run);
  void train_step(const Samples& batch, const StepPart& part, Run& run);
  std::vector<double> rates_of_epoch(const FitOptions& options, int64_t batches) const;
  void check_finite(Run& run);

  /// The epoch under way, where Ctrl-C left it, or on_batch is told of it.
  struct Partial {
    int64_t batches = 0;
    int64_t batch_size = 0;
    Totals totals = {};
    std::shared_ptr<StepLog> log = nullptr;  // has the totals, where they were not read yet
    bool in_step = false;                    // gradients of a step are there, and batches of it still to come
  };

  Module& model_;
  LossFunction loss_;
  Optimizer& optimizer_;
  TrainerOptions options_;
  int64_t epoch_ = 0;
  bool stop_ = false;  // after this batch or epoch
  Partial partial_;
  std::optional<double> base_lr_ = {};  // the optimizer's own rate, while it has those of a schedule
  ReduceOnPlateau::State plateau_;
  BestEpoch::State best_;  // as save_best counts
  std::string best_rule_;  // BestEpoch::rule(), and the kind of file and its path
};

}  // namespace dlengine
