// What kernels make of weights before they use them.
#pragma once

#include <optional>

#include "dlengine/core/capture.h"
#include "dlengine/core/factory.h"
#include "dlengine/kernels/cpu/launch.h"

namespace dlengine {

/// Memory for the form of weights that a kernel reads, as transformed filters. Where the captured step may
/// rely on the weights, it stays with the step and is filled again only when they have changed; else it is
/// temporary, and every call fills it.
class Prepared {
 public:
  /// A tensor of this shape and type, to be made of what begins at `weights` alone.
  Prepared(const void* weights, const Shape& shape, DType dtype)
      : constant_(Capture::is_constant(weights)),
        tensor_(constant_ ? Capture::current()->prepared(shape, dtype) : empty(shape, dtype)) {}
  Prepared(const void* weights, size_t bytes) : Prepared(weights, {int64_t(bytes)}, DType::u8) {}

  /// Calls f(), which launches the kernels that fill the tensor.
  template <typename F>
  void fill(const F& f) const {
    std::optional<Preparing> preparing;
    if (constant_) preparing.emplace();
    f();
  }
  const Tensor& tensor() const { return tensor_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(tensor_.raw());
  }

 private:
  bool constant_;
  Tensor tensor_;
};

}  // namespace dlengine
