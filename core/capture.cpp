// Rehearsing, recording and replaying a step.
#include "dlengine/core/capture.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/step_memory.h"

namespace dlengine {

namespace {

thread_local Capture* on_this_thread = nullptr;

Words sum(const Words& a, const Words& b) { return {a[0] + b[0], a[1] + b[1]}; }
Words difference(const Words& a, const Words& b) { return {a[0] - b[0], a[1] - b[1]}; }

bool lies_in(const StepMemory& memory, const Storage& storage) { return storage.owner().get() == &memory; }

}  // namespace

// --- What the parts of a step see ---

Capture::Capture(RecordedStep& step, Phase phase) : step_(step), phase_(phase) {
  check<ValueError>(on_this_thread == nullptr, "a step cannot be recorded inside of another one");
  on_this_thread = this;
}

Capture::~Capture() { on_this_thread = nullptr; }

Capture* Capture::current() { return on_this_thread; }

void Capture::refuse(const char* does) {
  if (!on_this_thread) return;
  check<Error>(on_this_thread->phase_ == Phase::rehearsal,
               "a recorded step did what it had not done in its rehearsal: it {}", does);
  std::string& reason = on_this_thread->step_.reason_;
  if (reason.empty()) reason = does;
}

LiveWords Capture::words(const void* owner, std::function<Words()> now) {
  std::vector<RecordedStep::Entry>& entries = step_.entries_;
  const auto entry = std::find_if(entries.begin(), entries.end(),
                                  [&](const RecordedStep::Entry& known) { return known.owner == owner; });
  if (phase_ == Phase::rehearsal) {
    if (entry == entries.end()) entries.push_back({owner, now, outside(now), {}});
    return {};
  }
  check<Error>(entry != entries.end(), "a recorded step needs numbers that it did not need in its rehearsal");
  const auto* first = reinterpret_cast<const uint64_t*>(step_.words_.data<int64_t>());
  return {first + 2 * (entry - entries.begin()), entry->expected};
}

Words Capture::outside(const std::function<Words()>& now) {
  on_this_thread = nullptr;
  const Words words = now();
  on_this_thread = this;
  return words;
}

std::shared_ptr<Allocator> Capture::memory() const { return step_.memory_; }
Allocator& Capture::allocator() const { return *step_.memory_; }

void Capture::at_replay(std::function<void()> f) {
  if (phase_ == Phase::recording) step_.at_replay_.push_back(std::move(f));
}

void Capture::valid_while(std::function<bool()> holds) { step_.conditions_.push_back(std::move(holds)); }

void Capture::writes(const std::shared_ptr<Storage>& storage) {
  std::vector<std::shared_ptr<Storage>>& known = step_.written_;
  if (phase_ == Phase::rehearsal || lies_in(*step_.memory_, *storage)) return;
  if (std::find(known.begin(), known.end(), storage) == known.end()) known.push_back(storage);
}

bool Capture::made(const Tensor& x) const { return lies_in(*step_.memory_, *x.storage()); }

void Capture::touch(const Tensor& leaf, bool adds) {
  RecordedStep::Gradient& gradient = step_.gradient_of(leaf);
  if (phase_ == Phase::rehearsal) {
    gradient.added = gradient.added || adds;
  } else if (!gradient.touched) {
    gradient.touched = true;
    gradient.added_first = adds;
  }
}

void Capture::adds_gradient(const Tensor& leaf) {
  if (made(leaf)) return;
  if (phase_ == Phase::rehearsal || leaf.impl()->grad_buffer) return touch(leaf, true);
  // A leaf that the step makes from memory outside of it, as in[0].detach().
  const std::shared_ptr<Tensor::Impl>& before = leaf.impl()->grad;
  check<Error>(!before || made(Tensor(before)),
               "a recorded step adds to a gradient that it did not add to in its rehearsal");
}

void Capture::forgets_gradient(const Tensor& leaf) {
  if (!made(leaf)) touch(leaf, false);
}

bool Capture::is_constant(const void* address) {
  if (!on_this_thread) return false;
  const RecordedStep& step = on_this_thread->step_;
  return step.constants_.holds(address) ||
         std::any_of(step.prepared_.begin(), step.prepared_.end(),
                     [address](const Tensor& tensor) { return tensor.raw() == address; });
}

Tensor Capture::prepared(const Shape& shape, DType dtype) {
  std::vector<Tensor>& all = step_.prepared_;
  if (phase_ == Phase::rehearsal) return all.emplace_back(empty(shape, dtype, device()));
  // The rehearsal's memory: new one may have served other kernels of the recording, which would overwrite it.
  check<Error>(prepared_ < all.size() && all[prepared_].shape() == shape && all[prepared_].dtype() == dtype,
               "a recorded step prepares what it did not prepare in its rehearsal");
  return all[prepared_++];
}

void written_in_place(const Tensor& x) {
  x.storage()->bump_version();
  if (on_this_thread) on_this_thread->writes(x.storage());
}

Allocator& current_allocator(Device device) {
  if (on_this_thread && on_this_thread->device() == device) return on_this_thread->allocator();
  return backend_for(device).allocator(device.index);
}

// --- The step ---

RecordedStep::RecordedStep(Device device)
    : device_(device), memory_(std::make_shared<StepMemory>(backend_for(device).allocator(device.index))) {}

RecordedStep::~RecordedStep() = default;

bool RecordedStep::rehearse(const std::function<void()>& step) {
  entries_.clear();  // of an earlier one, which threw
  prepared_.clear();
  gradients_.clear();
  conditions_.clear();
  reason_.clear();
  {
    const Capture capture(*this, Capture::Phase::rehearsal);
    step();
  }
  for (Entry& entry : entries_) entry.change = difference(entry.now(), entry.expected);
  if (reason_.empty()) keep_gradients();
  return reason_.empty();
}

void RecordedStep::record(const std::function<void()>& step, int times) {
  at_replay_.clear();
  conditions_.clear();
  note_gradients();
  make_words();
  constants_.notice_writes();
  Backend& backend = backend_for(device_);
  backend.begin_recording(device_.index);
  memory_->seal(device_ != kCpu);
  try {
    Capture capture(*this, Capture::Phase::recording);
    for (int i = 0; i < times; ++i) {
      capture.prepared_ = 0;
      step();
      advance_words();
    }
  } catch (...) {
    memory_->seal(false);
    backend.end_recording(device_.index, false);
    send_words();  // they were counted on, and work that is thrown away has not moved them
    throw;
  }
  memory_->seal(false);
  follow_gradients();
  std::unique_ptr<Recording> recording;
  try {
    recording = backend.end_recording(device_.index, true);
  } catch (...) {
    send_words();
    throw;
  }
  std::erase_if(kept_, [&](const Kept& kept) { return kept.times == times; });
  kept_.push_back(
      {times, std::exchange(at_replay_, {}), std::exchange(conditions_, {}), std::move(recording)});
}

bool RecordedStep::outdated() const {
  const auto broken = [](const std::vector<std::function<bool()>>& conditions) {
    return !std::all_of(conditions.begin(), conditions.end(), [](const auto& holds) { return holds(); });
  };
  return broken(conditions_) ||
         std::any_of(kept_.begin(), kept_.end(), [&](const Kept& kept) { return broken(kept.conditions); });
}

const RecordedStep::Kept* RecordedStep::find(int times) const {
  const auto kept =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& some) { return some.times == times; });
  return kept == kept_.end() ? nullptr : &*kept;
}

int64_t RecordedStep::size(int times) const {
  const Kept* const kept = find(times);
  return kept ? kept->recording->size() : 0;
}

void RecordedStep::replay(int times) {
  const Kept* const kept = find(times);
  check<Error>(kept != nullptr, "replay: {} steps at once were not recorded", times);
  const bool elsewhere = std::any_of(entries_.begin(), entries_.end(),
                                     [](const Entry& entry) { return entry.now() != entry.expected; });
  if (elsewhere) send_words();
  if (constants_.notice_writes()) kept->recording->prepare();
  kept->recording->replay();
  for (int i = 0; i < times; ++i) count_step();
  for (const auto& f : kept->at_replay) f();
  for (const auto& storage : written_) storage->bump_version();
}

// --- Its gradients ---

RecordedStep::Gradient& RecordedStep::gradient_of(const Tensor& leaf) {
  const auto known = std::find_if(gradients_.begin(), gradients_.end(),
                                  [&](const Gradient& some) { return some.leaf.lock() == leaf.impl(); });
  if (known != gradients_.end()) return *known;
  return gradients_.emplace_back(
      Gradient{.leaf = leaf.impl(), .begins_with_one = leaf.impl()->grad != nullptr});
}

/// After the rehearsal: out of the step's memory, which the recording needs as it was.
void RecordedStep::keep_gradients() {
  const NoGrad no_grad;
  for (const Gradient& gradient : gradients_) {
    const std::shared_ptr<Tensor::Impl> leaf = gradient.leaf.lock();
    if (!leaf || !gradient.added || leaf->grad_buffer) continue;
    Tensor buffer = empty_like(Tensor(leaf));
    if (leaf->grad) leaf->grad = buffer.copy_(Tensor(leaf->grad)).impl();
    leaf->grad_buffer = buffer.impl();
  }
}

void RecordedStep::note_gradients() {
  std::erase_if(gradients_, [](const Gradient& gradient) { return gradient.leaf.expired(); });
  for (Gradient& gradient : gradients_) {
    gradient = {.leaf = gradient.leaf, .begins_with_one = gradient.leaf.lock()->grad != nullptr};
  }
}

void RecordedStep::follow_gradients() {
  struct Followed {
    std::shared_ptr<Tensor::Impl> leaf;
    bool trained, left_with_one;
    std::optional<bool> begins_with_one;  // where that matters
  };
  std::vector<Followed> followed;
  for (const Gradient& gradient : gradients_) {
    const std::shared_ptr<Tensor::Impl> leaf = gradient.leaf.lock();
    if (!leaf || !gradient.touched) continue;
    followed.push_back({leaf, leaf->requires_grad, leaf->grad != nullptr,
                        gradient.added_first ? std::optional(gradient.begins_with_one) : std::nullopt});
  }
  if (followed.empty()) return;
  const auto all = std::make_shared<const std::vector<Followed>>(std::move(followed));
  conditions_.push_back([all] {
    return std::all_of(all->begin(), all->end(), [](const Followed& some) {
      const bool has_one = some.leaf->grad != nullptr;
      return some.leaf->requires_grad == some.trained && some.begins_with_one.value_or(has_one) == has_one;
    });
  });
  at_replay_.push_back([all] {
    for (const Followed& some : *all) {
      const bool has_one = some.leaf->grad != nullptr;
      if (has_one != some.left_with_one)
        some.leaf->grad = some.left_with_one ? some.leaf->grad_buffer : nullptr;
    }
  });
}

// --- Its words ---

void RecordedStep::make_words() {
  if (entries_.empty()) return;
  if (!words_.defined()) {
    words_ = empty({static_cast<int64_t>(entries_.size()), 2}, DType::i64, device_);
    std::vector<int64_t> changes;
    for (const Entry& entry : entries_) {
      changes.insert(changes.end(), entry.change.begin(), entry.change.end());
    }
    changes_ = from_vector(changes, words_.shape(), device_);
  }
  send_words();
}

void RecordedStep::send_words() {
  if (entries_.empty()) return;
  std::vector<int64_t> values;
  for (Entry& entry : entries_) {
    entry.expected = entry.now();
    values.insert(values.end(), entry.expected.begin(), entry.expected.end());
  }
  backend_for(device_).copy_from_host(words_.raw(), values.data(), values.size() * sizeof(int64_t),
                                      device_.index);
}

// A kernel of the step itself, so that several steps can follow each other in one recording.
void RecordedStep::advance_words() {
  const bool still = std::all_of(entries_.begin(), entries_.end(),
                                 [](const Entry& entry) { return entry.change == Words{}; });
  if (!still) backend_for(device_).binary(BinaryOp::add, words_, changes_, words_);
  count_step();
  for (const Entry& entry : entries_) {
    check<Error>(entry.now() == entry.expected, "a step counts otherwise than in its rehearsal");
  }
}

void RecordedStep::count_step() {
  for (Entry& entry : entries_) entry.expected = sum(entry.expected, entry.change);
}

}  // namespace dlengine
