// Internal: a function that computes the gradients of an operation's inputs, with what it saved for that.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace dlengine {

class InputGrads;
class Tensor;

/// A std::function that moves only, with room for a few saved tensors: most operations then need no block of
/// memory for it.
class BackwardFunction {
 public:
  BackwardFunction() = default;
  template <typename F>
  requires(!std::is_same_v<F, BackwardFunction>)
      BackwardFunction(F f) {  // NOLINT(google-explicit-constructor): as std::function
    if constexpr (sizeof(F) <= kRoom && alignof(F) <= alignof(void*)) {
      new (room_) F(std::move(f));
      actions_ = &kActions<F>;
    } else {
      auto boxed = [f = std::make_unique<F>(std::move(f))](const Tensor& dy, InputGrads& dx) {
        (*f)(dy, dx);
      };
      new (room_) decltype(boxed)(std::move(boxed));
      actions_ = &kActions<decltype(boxed)>;
    }
  }
  BackwardFunction(BackwardFunction&& other) noexcept : actions_(std::exchange(other.actions_, nullptr)) {
    if (actions_) actions_->move(other.room_, room_);
  }
  BackwardFunction& operator=(BackwardFunction&& other) noexcept {
    if (this != &other) {
      reset();
      actions_ = std::exchange(other.actions_, nullptr);
      if (actions_) actions_->move(other.room_, room_);
    }
    return *this;
  }
  ~BackwardFunction() { reset(); }

  void reset() noexcept {
    if (const Actions* actions = std::exchange(actions_, nullptr)) actions->destroy(room_);
  }
  void operator()(const Tensor& dy, InputGrads& dx) { actions_->call(room_, dy, dx); }

 private:
  struct Actions {
    void (*call)(void* f, const Tensor& dy, InputGrads& dx);
    void (*move)(void* from, void* to) noexcept;  // ends what was at `from`
    void (*destroy)(void* f) noexcept;
  };

  template <typename F>
  static constexpr Actions kActions = {
      [](void* f, const Tensor& dy, InputGrads& dx) { (*static_cast<F*>(f))(dy, dx); },
      [](void* from, void* to) noexcept {
        new (to) F(std::move(*static_cast<F*>(from)));
        static_cast<F*>(from)->~F();
      },
      [](void* f) noexcept { static_cast<F*>(f)->~F(); }};

  static constexpr size_t kRoom = 80;

  const Actions* actions_ = nullptr;
  alignas(void*) std::byte room_[kRoom];
};

}  // namespace dlengine
