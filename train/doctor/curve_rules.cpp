// Rules about the whole training: the losses of its epochs, and how far steps move the weights.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/train/doctor/rules.h"

namespace dlengine {
namespace {

// Of the loss: against that of the untrained model.
constexpr double kDiverged = 1.5;
constexpr double kHardlyLearnt = 0.9;
// What one update changes, as a share of the weight.
constexpr double kGreatStep = 0.1;
constexpr double kTinyStep = 1e-4;
// Epochs before a loss that does not fall is a sign, and those over which it jumps or stands still.
constexpr size_t kPatience = 3;
constexpr size_t kWindow = 6;
// Shares of the loss: by which it falls over those epochs where it stands still, and by which it jumps.
constexpr double kStill = 0.02;
constexpr double kJump = 0.2;
// Of the validation loss: against its best.
constexpr double kRisen = 1.1;
// Of the accuracy: on training data that are known, and by how much that is above the one on validation data.
constexpr double kKnown = 0.9;
constexpr double kGap = 0.1;

class CourseRules {
 public:
  explicit CourseRules(const TrainingCourse& course)
      : course_(course),
        epochs_(course.epochs),
        first_(course.first_loss.value_or(epochs_.front().train.loss)) {}

  std::vector<Finding> operator()() {
    if (!diverging() && !jumping() && !stuck_by_great_steps() && !tiny_steps()) underfitting();
    overfitting();
    return found_;
  }

 private:
  void add(Symptom symptom, std::string saw, std::string advice) {
    found_.push_back({symptom, epochs_.back().epoch, "", std::move(saw), std::move(advice)});
  }
  double loss(size_t back = 0) const { return epochs_[epochs_.size() - 1 - back].train.loss; }

  bool diverging() {
    if (first_ <= 0 || loss() < kDiverged * first_) return false;
    add(Symptom::diverging,
        fmt::format("the training loss is {:.3g}, that of the untrained model was {:.3g}", loss(), first_),
        "a learning rate that is 10 times smaller, a warm-up, or clipped gradients");
    return true;
  }

  // It turns at nearly every epoch, by much, and gets nowhere.
  bool jumping() {
    if (epochs_.size() < kWindow) return false;
    int turns = 0;
    double jumps = 0, mean = 0;
    for (size_t back = 0; back < kWindow; ++back) {
      mean += loss(back) / kWindow;
      if (back + 1 < kWindow) jumps += std::abs(loss(back) - loss(back + 1)) / (kWindow - 1);
      if (back + 2 < kWindow) turns += (loss(back) - loss(back + 1)) * (loss(back + 1) - loss(back + 2)) < 0;
    }
    const bool falls = loss() < 0.8 * loss(kWindow - 1);
    if (turns + 1 < static_cast<int>(kWindow) - 2 || falls || jumps < kJump * mean || mean < 0.2 * first_)
      return false;
    add(Symptom::rate_too_high,
        fmt::format("the training loss jumps from epoch to epoch, by {:.2g} around {:.2g} in the last {}, "
                    "and does not fall",
                    jumps, mean, kWindow),
        "a learning rate that is 3 to 10 times smaller, or a schedule that lowers it");
    return true;
  }

  bool hardly_learnt() const { return loss() > kHardlyLearnt * first_; }

  bool stuck_by_great_steps() {
    if (epochs_.size() < kPatience || !course_.largest_step || *course_.largest_step < kGreatStep ||
        !hardly_learnt()) {
      return false;
    }
    add(Symptom::rate_too_high,
        fmt::format("a step changes {} by {:.0f} % of its size, and the loss is {:.3g}, from {:.3g}",
                    course_.largest_step_layer, 100 * *course_.largest_step, loss(), first_),
        "a learning rate at which a step changes weights by about a thousandth: here 10 to 100 times "
        "smaller");
    return true;
  }

  bool tiny_steps() {
    if (epochs_.size() < kPatience || !course_.largest_step || *course_.largest_step > kTinyStep ||
        !hardly_learnt()) {
      return false;
    }
    add(Symptom::rate_too_low,
        fmt::format("after {} epochs the loss is {:.3g}, from {:.3g}, and a step changes no weight by more "
                    "than {:.1e} of "
                    "its size",
                    epochs_.size(), loss(), first_, *course_.largest_step),
        "a learning rate at which a step changes weights by about a thousandth: here 10 to 100 times larger");
    return true;
  }

  void underfitting() {
    if (epochs_.size() < kWindow || loss() < 0.5 * first_) return;
    const double before = loss(kWindow - 1);
    if (before - loss() > kStill * before) return;
    add(Symptom::underfitting,
        fmt::format("the training loss stands still at {:.3g}, from {:.3g} of the untrained model; {} epochs "
                    "ago it was {:.3g}",
                    loss(), first_, kWindow - 1, before),
        "more units or layers, less weight decay and dropout, better features, another optimizer");
  }

  /// The validation loss in the mean of the last few epochs, as single ones jump.
  double lately_validated() const {
    double mean = 0;
    for (size_t i = epochs_.size() - kPatience; i < epochs_.size(); ++i)
      mean += epochs_[i].validation.loss / kPatience;
    return mean;
  }

  void overfitting() {
    const EpochRecord& last = epochs_.back();
    if (last.validation.samples == 0) return;
    const auto best = std::ranges::min_element(
        epochs_, {}, [](const EpochRecord& record) { return record.validation.loss; });
    const bool rises = last.epoch - best->epoch >= static_cast<int64_t>(kPatience) &&
                       lately_validated() > kRisen * best->validation.loss &&
                       last.train.loss < 0.9 * best->train.loss;
    const double gap = last.train.accuracy - last.validation.accuracy;
    const bool apart =
        last.train.classes && epochs_.size() >= kPatience && last.train.accuracy > kKnown && gap > kGap;
    if (!rises && !apart) return;
    const std::string losses = fmt::format(
        "since epoch {} the validation loss went from {:.3g} to {:.3g} and the training loss from {:.3g} to "
        "{:.3g}",
        best->epoch, best->validation.loss, last.validation.loss, best->train.loss, last.train.loss);
    const std::string accuracies =
        fmt::format("accuracy is {:.1f} % on training and {:.1f} % on validation data",
                    100 * last.train.accuracy, 100 * last.validation.accuracy);
    add(Symptom::overfitting,
        rises && apart ? losses + "; " + accuracies
        : rises        ? losses
                       : accuracies,
        "more data or augmented data, weight decay, dropout, a smaller model, or an earlier end (early "
        "stopping)");
  }

  const TrainingCourse& course_;
  const std::vector<EpochRecord>& epochs_;
  double first_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> judge_course(const TrainingCourse& course) {
  return course.epochs.empty() ? std::vector<Finding>() : CourseRules(course)();
}

}  // namespace dlengine
