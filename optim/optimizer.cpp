// The step over the arena, and the state in and out.
#include "dlengine/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"

namespace dlengine {

std::vector<ParameterGroup> no_decay_on_vectors(const std::vector<Tensor>& parameters) {
  ParameterGroup decayed, others{.parameters = {}, .weight_decay = 0};
  for (const Tensor& parameter : parameters) {
    (parameter.rank() > 1 ? decayed : others).parameters.push_back(parameter);
  }
  std::vector<ParameterGroup> groups;
  for (ParameterGroup& group : {std::ref(decayed), std::ref(others)}) {
    if (!group.parameters.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

Optimizer::Optimizer(double lr, double weight_decay, bool decays)
    : weight_decay_(weight_decay), decays_(decays) {
  set_lr(lr);
}

void Optimizer::attach(std::vector<Tensor> parameters) {
  std::vector<Treatment> treatments(parameters.size(), {.lr_factor = 1, .weight_decay = weight_decay_});
  attach(std::move(parameters), std::move(treatments));
}

void Optimizer::attach(std::vector<ParameterGroup> groups) {
  std::vector<Tensor> parameters;
  std::vector<Treatment> treatments;
  for (const auto& [members, lr_factor, weight_decay] : groups) {
    const double decay = weight_decay.value_or(weight_decay_);
    check<ValueError>(lr_factor >= 0 && std::isfinite(lr_factor) && decay >= 0 && std::isfinite(decay),
                      "{}: need lr_factor and weight_decay >= 0 in a group, got {} and {}", type_name(),
                      lr_factor, decay);
    check<ValueError>(decays_ || decay == 0,
                      "{}: a group has weight_decay {}, this variant has none but decoupled decay; set "
                      ".decoupled = true",
                      type_name(), decay);
    parameters.insert(parameters.end(), members.begin(), members.end());
    treatments.insert(treatments.end(), members.size(), {.lr_factor = lr_factor, .weight_decay = decay});
  }
  attach(std::move(parameters), std::move(treatments));
}

void Optimizer::attach(std::vector<Tensor> parameters, std::vector<Treatment> treatments) {
  arena_ = Arena(std::move(parameters));
  treatments_ = std::move(treatments);
  state_.clear();
  for (size_t i = 0; i < state_names().size(); ++i) {
    state_.push_back(zeros_like(arena_.values()));
    if (initial_state() != 0) state_.back().fill_(initial_state());
  }
  updates_.assign(arena_.parameters().size(), 0);
  step_count_ = 0;
  live_rates_ = Tensor();
  average_shown_ = false;
  if (average_decay_) start_average();
}

void Optimizer::check_attached() const {
  check<ValueError>(attached(), "{}: it has no parameters yet; attach(model.parameters()) first",
                    type_name());
}

void Optimizer::step() {
  check_attached();
  check<ValueError>(!average_shown_, "{}: a step while AveragedWeights shows the average", type_name());
  arena_.check_in_place();
  const NoGrad no_grad;
  arena_.collect_gradients();
  std::vector<Run> all = runs();
  make_live(all);
  clip(all);
  ++step_count_;
  for (Run& run : all) {
    update(run);
    for (size_t i = run.first; i < run.last; ++i) ++updates_[i];
  }
  if (average_decay_) update_average();
  count_rate();
  written_in_place(arena_.values());
}

/// Neighbours that have a gradient, as many updates behind them, and one treatment.
std::vector<Optimizer::Run> Optimizer::runs() const {
  std::vector<Run> found;
  const auto has_gradient = [&](size_t i) { return parameters()[i].grad().defined(); };
  for (size_t first = 0, last = 0; first < updates_.size(); first = last) {
    last = first + 1;
    if (!has_gradient(first)) continue;
    while (last < updates_.size() && has_gradient(last) && updates_[last] == updates_[first] &&
           treatments_[last] == treatments_[first])
      ++last;
    Run run{.w = arena_.span(arena_.values(), first, last),
            .g = arena_.span(arena_.gradients(), first, last),
            .state = {},
            .clock = {.lr = lr(), .step = updates_[first] + 1, .lr_factor = treatments_[first].lr_factor},
            .weight_decay = treatments_[first].weight_decay,
            .first = first,
            .last = last};
    for (const Tensor& flat : state_) run.state.push_back(arena_.span(flat, first, last));
    found.push_back(std::move(run));
  }
  return found;
}

void Optimizer::set_clipping(const Clipping& clipping) {
  clipped({}, clipping);  // checks
  clipping_ = clipping;
}

void Optimizer::clip(std::vector<Run>& runs) const {
  if (clipping_.value == 0 && clipping_.norm == 0) return;
  std::vector<Tensor> gradients;
  for (const Run& run : runs) gradients.push_back(run.g);
  gradients = clipped(std::move(gradients), clipping_);
  for (size_t i = 0; i < runs.size(); ++i) runs[i].g = gradients[i];
}

Tensor Optimizer::gradient_norm() {
  check_attached();
  const NoGrad no_grad;
  arena_.collect_gradients();
  std::vector<Tensor> gradients;
  for (const Run& run : runs()) gradients.push_back(run.g);
  if (gradients.empty()) return scalar(0, arena_.values().dtype(), arena_.values().device());
  return global_norm(gradients);
}

// --- The average ---

void Optimizer::average_weights(double decay) {
  check<ValueError>(decay >= 0 && decay < 1, "{}: need 0 <= decay < 1 of the average, got {}", type_name(),
                    decay);
  check<ValueError>(averages_weights() || step_count_ == 0,
                    "{}: an average must begin before the first step, not after {}", type_name(),
                    step_count_);
  const bool starts = !averages_weights();
  average_decay_ = decay;
  if (starts && attached()) start_average();
}

void Optimizer::start_average() {
  const NoGrad no_grad;
  average_ = arena_.values().clone();
}

void Optimizer::update_average() {
  const double decay = *average_decay_;
  if (step_count_ == 1) {  // never so in a recorded step, before which others run
    average_.copy_(arena_.values());
  } else {
    average_.copy_(average_ * decay + arena_.values() * (1 - decay));
  }
}

AveragedWeights::AveragedWeights(Optimizer& optimizer) : optimizer_(optimizer) {
  optimizer.check_attached();
  check<ValueError>(optimizer.averages_weights(),
                    "AveragedWeights: {} keeps no average; call average_weights() first",
                    optimizer.type_name());
  check<ValueError>(!optimizer.average_shown_, "AveragedWeights: the average is shown already");
  const NoGrad no_grad;
  Tensor shown = optimizer.arena_.values();
  values_ = shown.clone();
  shown.copy_(optimizer.average_);
  optimizer.average_shown_ = true;
}

AveragedWeights::~AveragedWeights() {
  const NoGrad no_grad;
  Tensor shown = optimizer_.arena_.values();
  try {
    shown.copy_(values_);
    optimizer_.average_shown_ = false;
  } catch (const Error&) {  // a device that fails: step() will refuse
  }
}

// --- Rates and counts ---

Optimizer::Settings Optimizer::settings() const {
  std::vector<char> trained;
  for (const Tensor& parameter : parameters()) trained.push_back(parameter.requires_grad());
  return {arena_.values(), std::move(trained), clipping_, average_decay_};
}

bool Optimizer::has(const Settings& settings) const {
  if (average_shown_ || arena_.values().impl() != settings.arena.impl() || clipping_ != settings.clipping ||
      average_decay_ != settings.average_decay)
    return false;
  return std::equal(settings.trained.begin(), settings.trained.end(), parameters().begin(),
                    [](bool trained, const Tensor& now) { return now.impl()->requires_grad == trained; });
}

// In a recorded step, the rate and the counts are read from device memory, and the host counts along. Which
// neighbours share a run is recorded, too, as are the settings: if their counts part later, or the settings
// change, the step must be recorded anew.
void Optimizer::make_live(std::vector<Run>& runs) {
  Capture* capture = Capture::current();
  if (!capture) return;
  std::vector<std::pair<size_t, size_t>> ranges;
  for (Run& run : runs) {
    ranges.emplace_back(run.first, run.last);
    for (size_t i = run.first; i < run.last; ++i) {
      const LiveWords live = capture->words(&updates_[i], [this, i] {
        return Words{reinterpret_cast<uintptr_t>(live_lr()), static_cast<uint64_t>(updates_[i])};
      });
      if (i != run.first || !live.device) continue;
      run.clock.live = live.device;
      run.clock.step -= static_cast<int64_t>(live.start[1]);
    }
  }
  capture->valid_while([this, ranges, recorded = settings()] {
    return has(recorded) && std::all_of(ranges.begin(), ranges.end(), [this](const auto& range) {
             const auto begin = updates_.begin();
             return std::all_of(begin + range.first, begin + range.second,
                                [&](int64_t count) { return count == updates_[range.first]; });
           });
  });
  capture->at_replay([this, ranges] {
    ++step_count_;
    count_rate();
    for (const auto& [first, last] : ranges) {
      for (size_t i = first; i < last; ++i) ++updates_[i];
    }
  });
}

/// Where the rate of the next step is on the device: beyond the last rate there is a copy of it, and a single
/// one stays where it is.
const double* Optimizer::live_lr() {
  if (!live_rates_.defined()) {
    std::vector<double> rates = rates_;
    rates.push_back(rates_.back());
    const Device device = arena_.values().device();
    live_rates_ = empty({static_cast<int64_t>(rates.size())}, DType::f64, device);
    backend_for(device).copy_from_host(live_rates_.raw(), rates.data(), rates.size() * sizeof(double),
                                       device.index);
  }
  return live_rates_.data<double>() + (rates_.size() > 1 ? next_rate_ : 0);
}

void Optimizer::count_rate() { next_rate_ = std::min(next_rate_ + 1, rates_.size()); }

double Optimizer::lr() const { return rates_[std::min(next_rate_, rates_.size() - 1)]; }

void Optimizer::zero_grad() {
  for (Tensor parameter : parameters()) parameter.zero_grad();
}

void Optimizer::set_lr(std::vector<double> rates) {
  check<ValueError>(!rates.empty(), "optimizer: need a learning rate, got none");
  for (const double lr : rates) {
    check<ValueError>(lr >= 0 && std::isfinite(lr), "optimizer: need a learning rate >= 0, got {}", lr);
  }
  Capture::refuse("sets the learning rate");
  rates_ = std::move(rates);
  next_rate_ = 0;
  live_rates_ = Tensor();
}

/// What is kept of each parameter.
std::vector<std::string> Optimizer::slot_names() const {
  std::vector<std::string> names = state_names();
  if (average_decay_) names.emplace_back("average");
  return names;
}

NamedTensors Optimizer::state() const {
  NamedTensors named;
  const std::vector<std::string> names = slot_names();
  for (size_t i = 0; i < updates_.size(); ++i) {
    for (size_t j = 0; j < names.size(); ++j) {
      const Tensor& flat = j < state_.size() ? state_[j] : average_;
      named.emplace_back(std::to_string(i) + "." + names[j], arena_.slot(flat, i));
    }
  }
  named.emplace_back("updates", from_vector(updates_, {static_cast<int64_t>(updates_.size())}));
  named.emplace_back("step_count", from_vector(std::vector<int64_t>{step_count_}, {}));
  return named;
}

void Optimizer::check_state(const std::vector<Tensor>& parameters, const NamedTensors& given) const {
  const auto count = static_cast<int64_t>(parameters.size());
  std::map<std::string, Shape> own{{"updates", {count}}, {"step_count", {}}};
  for (size_t i = 0; i < parameters.size(); ++i) {
    for (const std::string& name : slot_names()) own[std::to_string(i) + "." + name] = parameters[i].shape();
  }
  const std::map<std::string, Tensor> values(given.begin(), given.end());
  std::set<std::string> missing, unexpected;
  for (const auto& [name, value] : values) {
    if (!own.contains(name)) unexpected.insert(name);
  }
  for (const auto& [name, shape] : own) {
    if (!values.contains(name)) missing.insert(name);
  }
  check<ValueError>(missing.empty() && unexpected.empty() && values.size() == given.size(),
                    "{}: the state does not fit: missing: [{}], unexpected: [{}], given twice: {}",
                    type_name(), fmt::join(missing, ", "), fmt::join(unexpected, ", "),
                    given.size() - values.size());
  for (const auto& [name, shape] : own) {
    const Tensor& value = values.at(name);
    check<ShapeError>(value.shape() == shape, "{}: state {} is {}, the values for it are {}", type_name(),
                      name, shape, value.shape());
  }
  const auto step_count = values.at("step_count").item<int64_t>();
  for (const int64_t updates : values.at("updates").to_vector<int64_t>()) {
    check<ValueError>(updates >= 0 && updates <= step_count, "{}: the state counts {} updates in {} steps",
                      type_name(), updates, step_count);
  }
}

void Optimizer::load_state(const NamedTensors& given) {
  check<ValueError>(attached(), "{}: attach(model.parameters()) before load_state()", type_name());
  check_state(parameters(), given);
  const std::map<std::string, Tensor> values(given.begin(), given.end());
  const NoGrad no_grad;
  for (auto& [name, tensor] : state()) tensor.copy_(values.at(name));
  updates_ = values.at("updates").to_vector<int64_t>();
  step_count_ = values.at("step_count").item<int64_t>();
}

}  // namespace dlengine
