// An epoch counts if it beats the best one by more than min_delta, as in Keras.
#include "dlengine/train/monitor.h"

#include <cmath>
#include <utility>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

constexpr std::string_view kValidation = "val_";

/// What to multiply by, so that less is better.
double sign_of(const Monitored& monitored, MonitorMode mode) {
  const bool known = monitored.metric() == "loss" || monitored.metric() == "accuracy";
  check<ValueError>(mode != MonitorMode::automatic || known,
                    "monitor: whether less or more of '{}' is better has to be said: mode min or max",
                    monitored.metric());
  if (mode == MonitorMode::automatic) return monitored.metric() == "accuracy" ? -1 : 1;
  return mode == MonitorMode::max ? -1 : 1;
}

}  // namespace

Monitored::Monitored(Monitor monitor)
    : metric_(monitor == Monitor::loss ? "loss" : "accuracy"), part_(Part::either) {}

Monitored::Monitored(std::string_view name)
    : metric_(name.starts_with(kValidation) ? name.substr(kValidation.size()) : name),
      part_(name.starts_with(kValidation) ? Part::validation : Part::training) {}

std::string Monitored::name() const { return std::string(needs_validation() ? kValidation : "") + metric_; }

double Monitored::value(const EpochRecord& record) const {
  const bool validated = record.validation.samples > 0;
  check<ValueError>(validated || !needs_validation(), "monitor: there are no validation data for '{}'",
                    name());
  const Metrics& metrics = validated && !of_training() ? record.validation : record.train;
  check<ValueError>(metrics.classes || metric_ != "accuracy",
                    "monitor: there is no accuracy to monitor, as no output is right or wrong (see "
                    "TrainerOptions::accuracy)");
  return metrics.at(metric_);
}

BestEpoch::BestEpoch(Monitored monitored, MonitorMode mode, double min_delta)
    : monitored_(std::move(monitored)), sign_(sign_of(monitored_, mode)), min_delta_(min_delta) {
  check<ValueError>(min_delta >= 0 && std::isfinite(min_delta), "monitor: need min_delta >= 0, got {}",
                    min_delta);
}

bool BestEpoch::better(const EpochRecord& record) {
  const double value = sign_ * monitored_.value(record);
  if (!(value < state_.best - min_delta_)) return false;  // so for NaN
  state_ = {.best = value, .epoch = record.epoch};
  return true;
}

std::string BestEpoch::rule(bool validated) const {
  const bool validation = validated && !monitored_.of_training();
  return fmt::format("{} {}{}", sign_ < 0 ? "max" : "min", validation ? kValidation : "",
                     monitored_.metric());
}

}  // namespace dlengine
