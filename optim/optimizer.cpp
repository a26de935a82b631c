// The step over the arena, and the state in and out.
#include "dlengine/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"

namespace dlengine {

void Optimizer::attach(std::vector<Tensor> parameters) {
  arena_ = Arena(std::move(parameters));
  state_.clear();
  for (size_t i = 0; i < state_names().size(); ++i) state_.push_back(zeros_like(arena_.values()));
  updates_.assign(arena_.parameters().size(), 0);
  step_count_ = 0;
  live_rates_ = Tensor();
}

void Optimizer::step() {
  check<ValueError>(attached(), "{}: it has no parameters yet; attach(model.parameters()) first",
                    type_name());
  arena_.check_in_place();
  const NoGrad no_grad;
  arena_.collect_gradients();
  const LiveWords live = live_words();
  ++step_count_;
  const auto has_gradient = [&](size_t i) { return parameters()[i].grad().defined(); };
  for (size_t first = 0, last = 0; first < updates_.size(); first = last) {
    last = first + 1;
    if (!has_gradient(first)) continue;
    const int64_t count = updates_[first] + 1;
    while (last < updates_.size() && has_gradient(last) && updates_[last] + 1 == count) ++last;
    Tensor values = arena_.span(arena_.values(), first, last);
    std::vector<Tensor> state;
    for (const Tensor& flat : state_) state.push_back(arena_.span(flat, first, last));
    UpdateClock clock{.lr = lr(), .step = count, .live = live.device};
    if (live.device) clock.step -= static_cast<int64_t>(live.start[1]);
    update(values, arena_.span(arena_.gradients(), first, last), state, clock);
    for (size_t i = first; i < last; ++i) updates_[i] = count;
  }
  count_rate();
  written_in_place(arena_.values());
}

// In a recorded step, the rate and the count are read from device memory, and the host counts along.
LiveWords Optimizer::live_words() {
  Capture* capture = Capture::current();
  if (!capture) return {};
  capture->at_replay([this] {
    ++step_count_;
    count_rate();
    for (size_t i = 0; i < updates_.size(); ++i) updates_[i] += parameters()[i].grad().defined() ? 1 : 0;
  });
  return capture->words(this, [this] {
    return Words{reinterpret_cast<uintptr_t>(live_lr()), static_cast<uint64_t>(step_count_)};
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

NamedTensors Optimizer::state() const {
  NamedTensors named;
  const std::vector<std::string> names = state_names();
  for (size_t i = 0; i < updates_.size(); ++i) {
    for (size_t j = 0; j < state_.size(); ++j) {
      named.emplace_back(std::to_string(i) + "." + names[j], arena_.slot(state_[j], i));
    }
  }
  named.emplace_back("updates", from_vector(updates_, {static_cast<int64_t>(updates_.size())}));
  named.emplace_back("step_count", from_vector(std::vector<int64_t>{step_count_}, {}));
  return named;
}

void Optimizer::load_state(const NamedTensors& given) {
  check<ValueError>(attached(), "{}: attach(model.parameters()) before load_state()", type_name());
  NamedTensors own = state();
  const std::map<std::string, Tensor> values(given.begin(), given.end());
  std::set<std::string> unexpected;
  for (const auto& [name, value] : values) unexpected.insert(name);
  std::set<std::string> missing;
  for (const auto& [name, tensor] : own) {
    if (!unexpected.erase(name)) missing.insert(name);
  }
  check<ValueError>(missing.empty() && unexpected.empty() && values.size() == given.size(),
                    "{}: the state does not fit: missing: [{}], unexpected: [{}], given twice: {}",
                    type_name(), fmt::join(missing, ", "), fmt::join(unexpected, ", "),
                    given.size() - values.size());
  for (const auto& [name, tensor] : own) {
    const Tensor& value = values.at(name);
    check<ShapeError>(value.shape() == tensor.shape(), "{}: state {} is {}, the values for it are {}",
                      type_name(), name, tensor.shape(), value.shape());
  }
  const auto updates = values.at("updates").to_vector<int64_t>();
  const auto step_count = values.at("step_count").item<int64_t>();
  for (const int64_t count : updates) {
    check<ValueError>(count >= 0 && count <= step_count, "{}: the state counts {} updates in {} steps",
                      type_name(), count, step_count);
  }
  const NoGrad no_grad;
  for (auto& [name, tensor] : own) tensor.copy_(values.at(name));
  updates_ = updates;
  step_count_ = step_count;
}

}  // namespace dlengine
