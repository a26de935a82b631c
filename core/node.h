// Internal: one recorded operation on the tape.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dlengine/core/autograd.h"

namespace dlengine {

/// Made by record(); owned by its result and by the nodes that use the result.
class Node {
 public:
  /// What a tensor and its gradient have in common.
  struct Form {
    const Shape& shape;
    DType dtype;
    Device device;
  };

  /// Where the gradient of one input goes: to the operation that made it, or to a leaf. Neither: not needed.
  struct Input {
    std::shared_ptr<Node> node;
    std::shared_ptr<Tensor::Impl> leaf;
    std::shared_ptr<Tensor::Impl> buffer;  // memory that a leaf's gradient was given
    int64_t leaf_numel = 0;                // when it was used, as the next two
    DType leaf_dtype = DType::f32;
    Device leaf_device;

    void lead_to(const Tensor& tensor) {
      leaf = tensor.impl();
      leaf_numel = leaf->numel;
      leaf_dtype = leaf->dtype;
      leaf_device = leaf->storage->device();
    }
    bool leaf_is_as_used() const {
      return leaf->numel == leaf_numel && leaf->dtype == leaf_dtype && leaf->storage->device() == leaf_device;
    }
    bool wanted() const { return node || leaf; }
    const Shape& shape() const { return node ? node->shape : leaf->shape; }
    Form form() const {
      return node ? Form{node->shape, node->dtype, node->device}
                  : Form{leaf->shape, leaf->dtype, leaf->storage->device()};
    }
  };

  /// A fixed number of inputs; few, as nearly all operations have, need no block of memory.
  class Inputs {
   public:
    explicit Inputs(size_t count) : count_(count), many_(count > kFew ? count : 0) {}
    Input& operator[](size_t i) { return begin()[i]; }
    size_t size() const { return count_; }
    Input* begin() { return many_.empty() ? few_.data() : many_.data(); }
    Input* end() { return begin() + count_; }
    void release() {
      for (Input& input : *this) {
        input.node.reset();
        input.leaf.reset();
        input.buffer.reset();
      }
    }

   private:
    static constexpr size_t kFew = 3;
    size_t count_;
    std::array<Input, kFew> few_;
    std::vector<Input> many_;
  };

  Node(const char* op, const Tensor& result, size_t input_count);
  ~Node();

  /// Lets go of inputs and saved tensors; backward() does so as it passes.
  void release();
  /// Undoes what a walk left here that threw before this node had run to its end.
  void forget_walk();

  const char* name;
  uint64_t sequence;  // grows with every recorded operation, so inputs have smaller numbers than their users
  Shape shape;        // of the result
  DType dtype;
  Device device;
  Inputs inputs;
  BackwardFunction backward;
  Tensor dy;                       // gradient of the result, collected during backward()
  std::atomic<uint32_t> uses = 0;  // as inputs of others
  double mask_scale = 0;           // not 0: backward() begins with dy * (y > 0) * mask_scale
  bool masked = false;             // the user of the result did that
  bool undefined_is_one = false;   // backward() knows what an undefined dy means
  bool released = false;
};

}  // namespace dlengine
