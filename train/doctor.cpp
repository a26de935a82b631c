// The doctor's rounds: what is measured, remembered and said.
#include "dlengine/train/doctor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/doctor/rules.h"

namespace dlengine {
namespace {

double norm(const Tensor& x) { return std::sqrt(sum(square(x)).to(DType::f64).item<double>()); }

}  // namespace

std::string_view name(Symptom symptom) {
  switch (symptom) {
    case Symptom::not_finite: return "numbers that are not finite";
    case Symptom::diverging: return "diverging loss";
    case Symptom::rate_too_high: return "learning rate too high";
    case Symptom::rate_too_low: return "learning rate too low";
    case Symptom::dead_units: return "dead units";
    case Symptom::saturated_units: return "saturated units";
    case Symptom::vanishing_gradients: return "vanishing gradients";
    case Symptom::exploding_gradients: return "exploding gradients";
    case Symptom::shrinking_activations: return "initial weights too small";
    case Symptom::growing_activations: return "initial weights too large";
    case Symptom::symmetric_units: return "symmetric units";
    case Symptom::overfitting: return "overfitting";
    case Symptom::underfitting: return "underfitting";
  }
  return "?";
}

std::string to_string(const Finding& finding) {
  const std::string when =
      finding.epoch == 0 ? "before the first epoch" : fmt::format("after epoch {}", finding.epoch);
  const std::string where = finding.layer.empty() ? "" : " in " + finding.layer;
  return fmt::format("{}: {}{}: {}. Try: {}.", when, name(finding.symptom), where, finding.saw,
                     finding.advice);
}

Doctor::Doctor(Module& model, const DoctorOptions& options) : model_(model), options_(options) {
  check<ValueError>(options.samples >= 1 && options.every >= 1,
                    "Doctor: need samples and every >= 1, got {} and {}", options.samples, options.every);
}

const CheckUp& Doctor::examine(const Tensor& x, const Tensor& y, const LossFunction& loss) {
  last_ = check_up(model_, x, y, loss);
  const bool untrained = course_.epochs.empty() && !course_.first_loss;
  if (untrained) course_.first_loss = last_.loss;
  add(judge_check_up(last_, untrained));
  return last_;
}

void Doctor::before_update() {
  const NoGrad no_grad;
  before_ = model_.named_parameters();
  std::erase_if(before_, [](const auto& named) { return named.second.rank() < 2; });
  for (auto& [path, weight] : before_) weight = weight.detach().clone();
}

void Doctor::after_update(int64_t steps) {
  check<ValueError>(steps >= 1 && !before_.empty(),
                    "Doctor::after_update: need before_update() first and steps >= 1");
  const NoGrad no_grad;
  course_.largest_step.reset();
  size_t number = 0;
  for (const auto& [path, weight] : model_.named_parameters()) {
    if (weight.rank() < 2) continue;
    const Tensor& before = before_[number++].second;
    const double size = norm(before);
    const double share = size > 0 ? norm(weight.detach() - before) / size / static_cast<double>(steps) : 0;
    if (course_.largest_step && share <= *course_.largest_step) continue;
    course_.largest_step = share;
    course_.largest_step_layer = path;
  }
  before_.clear();
}

void Doctor::observe(const EpochRecord& record) {
  course_.epochs.push_back(record);
  add(judge_course(course_));
}

void Doctor::add(std::vector<Finding> found) {
  for (Finding& finding : found) {
    const bool known = std::ranges::any_of(findings_, [&](const Finding& earlier) {
      return earlier.symptom == finding.symptom && earlier.layer == finding.layer;
    });
    if (known) continue;
    finding.epoch = course_.epochs.empty() ? 0 : course_.epochs.back().epoch;
    findings_.push_back(std::move(finding));
  }
}

std::string Doctor::report() const {
  if (findings_.empty()) return fmt::format("nothing found in {} epochs\n", course_.epochs.size());
  std::string text;
  for (const Finding& finding : findings_) text += to_string(finding) + "\n";
  return text;
}

}  // namespace dlengine
