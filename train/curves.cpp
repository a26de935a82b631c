// Curves of epochs as panels.
#include "dlengine/train/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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
  Axis axis;
  for (size_t i = 0; i < count; ++i) {
    for (const std::vector<double>* curve : {&trials[i].train, &trials[i].validation}) {
      for (const double value : *curve) {
        if (!std::isfinite(value)) continue;
        axis.from = std::min(axis.from.value_or(value), value);
        axis.to = std::max(axis.to.value_or(value), value);
      }
    }
  }
  return axis.from == axis.to ? Axis() : axis;
}

/// So many that the largest of the first scores has three digits.
int decimals_of(const std::vector<Trial>& trials, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    if (std::isfinite(trials[i].score)) largest = std::max(largest, std::abs(trials[i].score));
  }
  return largest > 0 ? std::max(0, 2 - static_cast<int>(std::floor(std::log10(largest)))) : 0;
}

void plot_one(Panel& panel, const History& history, double Metrics::*number) {
  std::vector<double> train, validation;
  for (const EpochRecord& record : history.epochs) {
    train.push_back(record.train.*number);
    if (record.validation.samples > 0) validation.push_back(record.validation.*number);
  }
  panel.line(epochs(train.size()), train, {.name = "training"});
  if (!validation.empty()) panel.line(epochs(validation.size()), validation, {.name = "validation"});
}

}  // namespace

void plot_history(Figure& figure, const History& history, const std::string& title) {
  plot_one(figure.panel({.title = title, .x = {.label = "epoch"}, .y = {.label = "loss"}}), history,
           &Metrics::loss);
  if (history.epochs.empty() || !history.epochs.back().train.classes) return;
  plot_one(figure.panel({.title = title, .x = {.label = "epoch"}, .y = {.label = "accuracy"}}), history,
           &Metrics::accuracy);
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
