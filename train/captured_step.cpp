// One recording for each set of input shapes.
#include "dlengine/train/captured_step.h"

#include <algorithm>
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"

namespace dlengine {
namespace {
enum class Stage : uint8_t { first, rehearsal, recording, replay };
}  // namespace

/// The step for inputs of one shape.
struct CapturedStep::Variant {
  Stage stage = Stage::first;
  std::vector<Tensor> inputs, results;
  RecordedStep recorded;

  Variant(Device device, const std::vector<Tensor>& like) : recorded(device) {
    for (const Tensor& input : like) inputs.push_back(empty(input.shape(), input.dtype(), device));
  }

  bool fits(const std::vector<Tensor>& given) const {
    return std::equal(
        inputs.begin(), inputs.end(), given.begin(), given.end(),
        [](const Tensor& a, const Tensor& b) { return a.dtype() == b.dtype() && a.shape() == b.shape(); });
  }

  void load(const std::vector<Tensor>& from) {
    const NoGrad no_grad;
    for (size_t i = 0; i < from.size(); ++i) {
      if (from[i].device() == inputs[i].device()) {  // and they fit, so there is nothing left to check
        written_in_place(inputs[i]);
        backend_for(inputs[i].device()).copy(from[i], inputs[i]);
      } else {
        inputs[i].copy_(from[i]);
      }
    }
  }

  void run(const Function& step) {
    results.clear();
    results = step(inputs);
    for (Tensor& result : results) result = result.detach();
  }

  /// For steps without results, which would need memory of their own in each recording.
  void run_at_once(const Function& step, int times) {
    if (recorded.recorded(times)) return recorded.replay(times);
    recorded.record([&] { run(step); }, times);
  }

  /// The results of a rehearsal are moved out of the step's memory, which the recording needs as it was.
  void rehearse(const std::function<void()>& step) {
    recorded.rehearse(step);
    for (Tensor& result : results) result = result.clone();
  }
};

CapturedStep::CapturedStep(Device device, Function step, Constants constants)
    : device_(device), step_(std::move(step)), constants_(std::move(constants)) {}
CapturedStep::~CapturedStep() = default;
CapturedStep::CapturedStep(CapturedStep&&) noexcept = default;
CapturedStep& CapturedStep::operator=(CapturedStep&&) noexcept = default;

CapturedStep::Variant& CapturedStep::variant_for(const std::vector<Tensor>& inputs) {
  for (auto& variant : variants_) {
    if (!variant->fits(inputs)) continue;
    if (variant->recorded.constants_moved() || variant->recorded.outdated())
      variant = std::make_unique<Variant>(device_, inputs);
    return *variant;
  }
  if (variants_.size() < kMostShapes)
    return *variants_.emplace_back(std::make_unique<Variant>(device_, inputs));
  if (reason_.empty()) {
    reason_ = fmt::format("has inputs of more than {0} shapes, and only those of the first {0} are recorded",
                          kMostShapes);
  }
  beyond_ = std::make_unique<Variant>(device_, inputs);
  return *beyond_;
}

bool CapturedStep::captures(const Variant& variant) const {
  return Capture::current() == nullptr && !refused_ && &variant != beyond_.get();
}

const std::vector<Tensor>& CapturedStep::operator()(const std::vector<Tensor>& inputs) {
  Variant& variant = variant_for(inputs);
  variant.load(inputs);
  run(variant);
  return variant.results;
}

void CapturedStep::repeat(int64_t count, int at_once) {
  while (count > 0) {
    Variant& variant = variant_for({});
    const bool replays = captures(variant) && variant.stage == Stage::replay && variant.results.empty();
    if (replays && at_once > 1 && count >= at_once) {
      variant.run_at_once(step_, at_once);
      count -= at_once;
    } else {
      run(variant);
      --count;
    }
  }
}

void CapturedStep::run(Variant& variant) {
  const auto step = [&] { variant.run(step_); };
  if (!captures(variant)) return step();
  switch (variant.stage) {
    case Stage::first:
      step();
      variant.stage = Stage::rehearsal;
      break;
    case Stage::rehearsal:
      if (constants_) variant.recorded.rely_on(constants_());
      variant.rehearse(step);
      refused_ = !variant.recorded.reason().empty();
      if (refused_) reason_ = variant.recorded.reason();
      variant.stage = Stage::recording;
      break;
    case Stage::recording:
      variant.results.clear();  // their memory must not go back to the device in the recording
      variant.recorded.record(step);
      kernels_ = variant.recorded.size();
      variant.stage = Stage::replay;
      break;
    case Stage::replay: variant.recorded.replay(); break;
  }
}

}  // namespace dlengine
