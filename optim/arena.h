// Parameters and their gradients in flat tensors, so that an update is one kernel over the whole network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Two contiguous tensors of which the parameters and their gradients are views. Every parameter starts at a
/// multiple of 64 bytes; the elements between two parameters stay 0.
class Arena {
 public:
  Arena() = default;
  /// Moves the parameters' elements (and gradients, where there are some) here; every handle of them follows.
  /// Throws ValueError for an empty list, an undefined tensor, one that is given twice or is the result of an
  /// operation; DTypeError unless all are f32 or all f64; DeviceError unless they are on one device.
  explicit Arena(std::vector<Tensor> parameters);

  const std::vector<Tensor>& parameters() const { return parameters_; }
  const Tensor& values() const { return values_; }        // [n]
  const Tensor& gradients() const { return gradients_; }  // [n]

  /// The elements of parameters first .. last-1 in a tensor as long as the arena: a view [m].
  Tensor span(const Tensor& flat, size_t first, size_t last) const;
  /// The elements of one parameter there: a view shaped like it.
  Tensor slot(const Tensor& flat, size_t position) const { return part(flat, 0, position); }
  /// The same in a span that begins with parameter `first`, or in a copy of it.
  Tensor part(const Tensor& span, size_t first, size_t position) const;

  /// Throws ValueError if a parameter was moved since: to another device or type, or into another optimizer.
  void check_in_place() const;
  /// Copies gradients that the tape put elsewhere into gradients(), and makes parameters follow.
  void collect_gradients();

 private:
  std::vector<Tensor> parameters_;
  std::vector<int64_t> offsets_;  // of each parameter, in elements
  Tensor values_, gradients_;
};

}  // namespace dlengine
