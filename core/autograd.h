// The tape: which operation made a tensor, and how gradients flow back through it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "dlengine/core/backward_function.h"
#include "dlengine/core/image_layout.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// While one lives, this thread records nothing: for inference and for updates of parameters. They nest.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

/// True unless a NoGrad lives on this thread.
bool grad_enabled();

/// A tensor kept for the backward pass. get() throws AutogradError if its elements were changed in between.
/// To keep the result of the operation itself, save its detach(): keeping the result would keep the tape
/// alive for ever.
class Saved {
 public:
  explicit Saved(Tensor tensor);
  const Tensor& get() const;
  bool defined() const { return tensor_.defined(); }

 private:
  Tensor tensor_;
  uint32_t version_ = 0;
};

class BackwardQueue;

/// Takes the gradients of an operation's inputs, numbered from 0 as they were given to record(). A number
/// that record() was given no input for is a ValueError.
class InputGrads {
 public:
  InputGrads(Node& node, BackwardQueue& queue) : node_(node), queue_(queue) {}
  /// False if nobody needs the gradient of input i: then do not compute it.
  bool wants(size_t i) const;
  /// The shape of input i, which must be wanted: else this and buffer() throw an AutogradError.
  const Shape& shape(size_t i) const;
  /// Uninitialised memory shaped like input i, to be written completely and then handed to add(). Where it
  /// can be, it is the parameter's own gradient memory.
  Tensor buffer(size_t i, ImageLayout layout = ImageLayout::row_major);
  /// Adds a finished gradient of input i; shape, type and device must be the input's.
  void add(size_t i, const Tensor& gradient);

  /// Not 0: the caller now has to multiply the gradient of input x, of which it is the only user, by (x > 0)
  /// * this scale before add(). The operation that made x, which offered it, then leaves it out.
  double take_mask(size_t i);
  /// True if the user of the result has multiplied dy by what was offered.
  bool masked() const;

 private:
  Node& node_;
  BackwardQueue& queue_;
};

/// True if gradients are on and any of the inputs needs one. Undefined inputs do not.
bool needs_grad(std::span<const Tensor> inputs);

namespace detail {
void put_on_tape(const char* name, Tensor& y, std::span<const Tensor> inputs, BackwardFunction backward,
                 bool undefined_is_one);
}

/// record() for callers that know needs_grad(inputs), as they keep what `backward` needs only then.
template <typename Backward>
Tensor record_needed(const char* name, Tensor y, std::span<const Tensor> inputs, Backward&& backward) {
  constexpr bool kUndefinedIsOne = requires { std::remove_cvref_t<Backward>::kUndefinedIsOne; };
  detail::put_on_tape(name, y, inputs, std::forward<Backward>(backward), kUndefinedIsOne);
  return y;
}

/// Puts y, the result of an operation on the inputs, on the tape and returns it. Where no input needs a
/// gradient, only returns it. backward(dy, dx), given the gradient of y, hands the gradients of the inputs to
/// dx. It runs with gradients off, so second derivatives are refused: y.grad() is a leaf. An object with a
/// member kUndefinedIsOne gets an undefined dy where y is what backward() was called on without a gradient.
template <typename Backward>
Tensor record(const char* name, Tensor y, std::span<const Tensor> inputs, Backward&& backward) {
  return needs_grad(inputs) ? record_needed(name, std::move(y), inputs, std::forward<Backward>(backward)) : y;
}
template <typename Backward>
Tensor record(const char* name, Tensor y, std::initializer_list<Tensor> inputs, Backward&& backward) {
  return record(name, std::move(y), std::span(inputs.begin(), inputs.size()),
                std::forward<Backward>(backward));
}

/// To be called with the result y of record(), where backward(dy, dx) begins with dy * (y > 0) * scale unless
/// dx.masked(): who uses y may take that over, in the kernel that computes dy.
void offer_mask(const Tensor& y, double scale = 1);

}  // namespace dlengine
