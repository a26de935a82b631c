// Curves of epochs as panels.
#include "dlengine/train/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dlengine/train/plot/axis.h"

namespace dlengine {
namespace {

/// 1, 2, .. count.
std::vector<int64_t> epochs(size_t count) {
  std::vector<int64_t> result;
  for (size_t i = 1; i <= count; ++i) result.push_back(static_cast<int64_t>(i));
  return result;
}

/// From the smallest to the largest value of the first trials' curves, so that panels compare.
Axis common_axis(const std::vector<Trial>& trials, size_t count) {
  plot::Range range(Scale::linear);
  for (size_t i = 0; i < count; ++i) {
    for (const std::vector<double>* curve : {&trials[i].train, &trials[i].validation}) {
      for (const double value : *curve) range.include(value);
    }
  }
  return plot::too_short(range.low(), range.high()) ? Axis() : Axis{.from = range.low(), .to = range.high()};
}

/// So many that the largest of the first scores has three digits.
int decimals_of(const std::vector<Trial>& trials, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    if (std::isfinite(trials[i].score)) largest = std::max(largest, std::abs(trials[i].score));
  }
  return largest > 0 ? std::max(0, 2 - static_cast<int>(std::floor(std::log10(largest)))) : 0;
}

/// Epochs, and a number of theirs.
struct Curve {
  std::vector<int64_t> epochs;  // a training that went on does not begin with the first
  std::vector<double> values;

  /// An epoch without the number is left out.
  void add(int64_t epoch, const Metrics& metrics, const std::string& name) {
    if (metrics.samples == 0 || (name == "accuracy" && !metrics.classes)) return;
    epochs.push_back(epoch);
    values.push_back(metrics.at(name));
  }
};

void plot_one(Figure& figure, const History& history, const std::string& title, const std::string& name) {
  Panel& panel = figure.panel({.title = title, .x = {.label = "epoch"}, .y = {.label = name}});
  Curve train, validation;
  for (const EpochRecord& record : history.epochs) {
    train.add(record.epoch, record.train, name);
    validation.add(record.epoch, record.validation, name);
  }
  panel.line(train.epochs, train.values, {.name = "training"});
  if (!validation.values.empty()) panel.line(validation.epochs, validation.values, {.name = "validation"});
}

}  // namespace

void plot_history(Figure& figure, const History& history, const std::string& title) {
  plot_one(figure, history, title, "loss");
  if (history.epochs.empty()) return;
  const Metrics& last = history.epochs.back().train;
  if (last.classes) plot_one(figure, history, title, "accuracy");
  for (const MetricValue& other : last.others) plot_one(figure, history, title, other.name);
}

void plot_trials(Figure& figure, const std::vector<Trial>& ranked, int64_t count, const std::string& label) {
  const size_t shown = std::min(ranked.size(), static_cast<size_t>(std::max<int64_t>(count, 0)));
  Axis y = common_axis(ranked, shown);
  y.label = label;
  const int decimals = decimals_of(ranked, shown);
  for (size_t i = 0; i < shown; ++i) {
    const Trial& trial = ranked[i];
    figure
        .panel({.title = fmt::format("best {}: {:.{}f}", i + 1, trial.score, decimals),
                .x = {.label = "epoch"},
                .y = y})
        .line(epochs(trial.train.size()), trial.train, {.name = "training"})
        .line(epochs(trial.validation.size()), trial.validation, {.name = "validation"});
  }
}

}  // namespace dlengine
