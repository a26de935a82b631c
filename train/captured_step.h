// A training step that is recorded once and then replayed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Calls step(inputs), in the end without any of its host code:
///
///   CapturedStep step(kCpu, [&](const std::vector<Tensor>& in) {
///     optimizer.zero_grad();
///     Tensor loss = cross_entropy(model(in[0]), in[1]);
///     loss.backward();
///     optimizer.step();
///     return std::vector{loss};
///   });
///   float loss = step({x, y})[0].item<float>();
///
/// For inputs of a new shape, the first call runs as usual, the second one is a rehearsal, the third one is
/// recorded and all later ones are replays: on the CPU of a list of prepared kernels, on a GPU of a CUDA
/// graph. All give the same bits. What the host code decides, it decides once, and its other effects are
/// lost: only the library's own (optimizers, generators, gradients) follow. Where the optimizer's settings
/// have changed since, or which of its parameters require a gradient, the step is recorded anew. Models,
/// optimizers and other tensors that the step uses must stay where they are, and keep the same device memory,
/// for as long as this object lives. Threads may use it one after the other, not at the same time.
class CapturedStep {
 public:
  /// Input shapes that are recorded: the first ones. Each keeps the memory of a whole step, so a step that
  /// meets hundreds, as with sequences of every length, would fill the memory; a full batch and a short one,
  /// or a dozen lengths to which sequences are padded, have room.
  static constexpr size_t kMostShapes = 16;

  using Function = std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs)>;

  /// Tensors on the device that seldom change and so need not be read anew by every replay, as weights in
  /// inference: what depends on them alone, such as filters in the form that a kernel reads, is computed when
  /// the step is recorded and again where an in-place write has changed one since (Storage::version). If one
  /// shows other memory (set_data, as by an optimizer that takes over the parameters), the step is recorded
  /// anew. Asked for at the rehearsal.
  using Constants = std::function<std::vector<Tensor>()>;

  CapturedStep(Device device, Function step, Constants constants = {});
  ~CapturedStep();
  CapturedStep(CapturedStep&&) noexcept;
  CapturedStep& operator=(CapturedStep&&) noexcept;

  /// Inputs may be on any device; they are copied to where the step finds them. The results of a replay are
  /// overwritten by the next call with inputs of the same shape; they are off the tape. The reference holds
  /// until the next call. Throws what step() throws.
  const std::vector<Tensor>& operator()(const std::vector<Tensor>& inputs);

  /// Calls a step without inputs `count` times. If it has no results either, replays do `at_once` steps in
  /// one launch, as long as so many are left.
  void repeat(int64_t count, int at_once = 1);

  /// Why steps cannot be recorded and run as usual instead, as "reads elements on the host", or that some
  /// came with shapes beyond kMostShapes; empty if all can.
  const std::string& reason() const { return reason_; }
  /// Kernels of one recorded step; 0 if there is none yet.
  int64_t kernels() const { return kernels_; }

 private:
  struct Variant;

  Variant& variant_for(const std::vector<Tensor>& inputs);
  bool captures(const Variant& variant) const;
  void run(Variant& variant);

  Device device_;
  Function step_;
  Constants constants_;
  std::vector<std::unique_ptr<Variant>> variants_;
  std::unique_ptr<Variant> beyond_;  // the last call whose shape came too late to be recorded
  bool refused_ = false;             // by a rehearsal
  std::string reason_;
  int64_t kernels_ = 0;
};

}  // namespace dlengine
