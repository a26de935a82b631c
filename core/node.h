// Internal: one recorded operation on the tape.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dlengine/core/autograd.h"

namespace dlengine {

/// Made by record(); owned by its result and by the nodes that use the result.
class Node {
 public:
  /// Where the gradient of one input goes: to the operation that made it, or to a leaf. Neither: not needed.
  struct Input {
    std::shared_ptr<Node> node;
    std::shared_ptr<Tensor::Impl> leaf;
    bool wanted() const { return node || leaf; }
  };

  Node(const char* op, const Tensor& result);
  ~Node();

  /// Lets go of inputs and saved tensors; backward() does so as it passes.
  void release();

  const char* name;
  uint64_t sequence;  // grows with every recorded operation, so inputs have smaller numbers than their users
  Shape shape;        // of the result
  DType dtype;
  Device device;
  std::vector<Input> inputs;
  BackwardFunction backward;
  Tensor dy;  // gradient of the result, collected during backward()
  bool released = false;
};

}  // namespace dlengine
