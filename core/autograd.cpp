// The tape: recording, and the walk back through it.
#include "dlengine/core/autograd.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/node.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/small_blocks.h"

namespace dlengine {

namespace {

thread_local bool gradients_on = true;

uint64_t next_sequence() {
  static std::atomic<uint64_t> counter = 0;
  return counter.fetch_add(1, std::memory_order_relaxed);
}

Tensor sum_of(const Tensor& a, const Tensor& b) {
  Tensor y = empty_result(a.shape(), {&a, &b});
  backend_for(a.device()).binary(BinaryOp::add, a, b, y);
  return y;
}

}  // namespace

NoGrad::NoGrad() : previous_(std::exchange(gradients_on, false)) {}
NoGrad::~NoGrad() { gradients_on = previous_; }
bool grad_enabled() { return gradients_on; }

// A handle of its own: others may be shown other elements by set_data() before the backward pass.
Saved::Saved(Tensor tensor) : tensor_(std::move(tensor)) {
  if (!tensor_.defined()) return;
  if (tensor_.impl().use_count() > 1) tensor_ = tensor_.detach();
  version_ = tensor_.storage()->version();
}

const Tensor& Saved::get() const {
  if (!tensor_.defined()) return tensor_;
  check<AutogradError>(
      tensor_.storage()->version() == version_,
      "a tensor of shape {} was written to between the forward and the backward pass, which needs its "
      "old elements",
      tensor_.shape());
  return tensor_;
}

Node::Node(const char* op, const Tensor& result, size_t input_count)
    : name(op),
      sequence(next_sequence()),
      shape(result.shape()),
      dtype(result.dtype()),
      device(result.device()),
      inputs(input_count) {}

// The inputs of a node own nodes in turn. They are freed in a loop, not by recursion, as a tape may be longer
// than the stack is deep.
Node::~Node() {
  if (released) return;
  using Held = std::pair<Inputs, BackwardFunction>;
  thread_local std::vector<Held>* pending = nullptr;
  if (pending) {
    pending->emplace_back(std::move(inputs), std::move(backward));
    return;
  }
  std::vector<Held> queue;
  pending = &queue;
  release();
  while (!queue.empty()) {
    const Held next = std::move(queue.back());
    queue.pop_back();
  }
  pending = nullptr;
}

void Node::release() {
  backward.reset();
  inputs.release();
  dy = Tensor();
  released = true;
}

void Node::forget_walk() {
  dy = Tensor();
  masked = false;
  for (const Input& input : inputs) {
    if (input.node) input.node->masked = false;
  }
}

bool needs_grad(std::span<const Tensor> inputs) {
  if (!gradients_on) return false;
  for (const Tensor& input : inputs) {
    if (input.defined() && (input.impl()->node || input.requires_grad())) return true;
  }
  return false;
}

void detail::put_on_tape(const char* name, Tensor& y, std::span<const Tensor> inputs,
                         BackwardFunction backward, bool undefined_is_one) {
  auto node = make_small<Node>(name, y, inputs.size());
  Node::Input* next = node->inputs.begin();
  for (const Tensor& input : inputs) {
    Node::Input& edge = *next++;
    if (!input.defined()) continue;
    edge.node = input.impl()->node;
    if (edge.node) edge.node->uses.fetch_add(1, std::memory_order_relaxed);
    if (!edge.node && input.requires_grad()) edge.lead_to(input);
  }
  node->backward = std::move(backward);
  node->undefined_is_one = undefined_is_one;
  y.impl()->node = std::move(node);
  y.impl()->requires_grad = true;
}

/// Nodes whose gradient has begun to arrive; the latest operation comes first, so all its users are done.
class BackwardQueue {
 public:
  BackwardQueue() = default;
  BackwardQueue(const BackwardQueue&) = delete;
  BackwardQueue& operator=(const BackwardQueue&) = delete;
  // Nodes are left only where the walk threw; a later one must not find gradients of this one in them.
  ~BackwardQueue() {
    for (const std::shared_ptr<Node>& node : nodes_) node->forget_walk();
  }

  void push(std::shared_ptr<Node> node) {
    nodes_.push_back(std::move(node));
    std::push_heap(nodes_.begin(), nodes_.end(), earlier);
  }
  /// The latest operation. It stays the first one while it runs, as its inputs are earlier.
  Node& first() const { return *nodes_.front(); }
  void pop() {
    std::pop_heap(nodes_.begin(), nodes_.end(), earlier);
    nodes_.pop_back();
  }
  bool empty() const { return nodes_.empty(); }

 private:
  static bool earlier(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) {
    return a->sequence < b->sequence;
  }
  std::vector<std::shared_ptr<Node>, SmallBlocks<std::shared_ptr<Node>>> nodes_;
};

namespace {

Node::Input& input_of(Node& node, size_t i) {
  check<ValueError>(i < node.inputs.size(), "there is no input {}: record() was given {}, numbered from 0", i,
                    node.inputs.size());
  return node.inputs[i];
}

Node::Input& wanted_input_of(Node& node, size_t i) {
  Node::Input& input = input_of(node, i);
  check<AutogradError>(input.wanted(), "nobody wants the gradient of input {}; ask wants({}) first", i, i);
  return input;
}

}  // namespace

bool InputGrads::wants(size_t i) const { return input_of(node_, i).wanted(); }
const Shape& InputGrads::shape(size_t i) const { return wanted_input_of(node_, i).shape(); }

Tensor InputGrads::buffer(size_t i, ImageLayout layout) {
  Node::Input& input = wanted_input_of(node_, i);
  if (input.node) return empty(input.node->shape, input.node->dtype, input.node->device, layout);
  const Tensor leaf(input.leaf);
  // The leaf's own memory serves once: not when a gradient is there already, nor for an operation that has
  // the leaf as input twice.
  const bool only_use =
      std::count_if(node_.inputs.begin(), node_.inputs.end(),
                    [&](const Node::Input& other) { return other.leaf == input.leaf; }) == 1;
  const bool own = leaf.impl()->grad_buffer && !leaf.impl()->grad && only_use &&
                   lies_in(layout, Tensor(leaf.impl()->grad_buffer));
  input.buffer =
      own ? leaf.impl()->grad_buffer : empty(leaf.shape(), leaf.dtype(), leaf.device(), layout).impl();
  return Tensor(input.buffer);
}

double InputGrads::take_mask(size_t i) {
  Node* const node = input_of(node_, i).node.get();
  if (!node || node->uses.load(std::memory_order_relaxed) != 1) return 0;
  node->masked = node->mask_scale != 0;
  return node->mask_scale;
}

bool InputGrads::masked() const { return node_.masked; }

void offer_mask(const Tensor& y, double scale) {
  if (const std::shared_ptr<Node>& node = y.impl()->node) node->mask_scale = scale;
}

namespace {

void add_to_leaf(const Tensor& leaf, const Tensor& gradient, bool unshared) {
  Tensor::Impl& impl = *leaf.impl();
  if (Capture* capture = Capture::current()) [[unlikely]]
    capture->adds_gradient(leaf);
  if (impl.grad == nullptr && impl.grad_buffer == gradient.impl()) {
    impl.grad = impl.grad_buffer;
    return;
  }
  const bool first = impl.grad == nullptr;
  const Tensor total = first ? gradient : sum_of(Tensor(impl.grad), gradient);
  if (impl.grad_buffer) {
    Tensor(impl.grad_buffer).copy_(total);
    impl.grad = impl.grad_buffer;
  } else {
    // Somebody else may hold the gradient, as where an addition hands the same one to both operands.
    impl.grad = first && !unshared ? total.clone().impl() : total.impl();
  }
}

bool fits(const Tensor& gradient, const Node::Form& form) {
  return gradient.shape() == form.shape && gradient.dtype() == form.dtype && gradient.device() == form.device;
}

/// For a gradient that does not fit.
[[noreturn]] void refuse_gradient(const std::string& name, const Tensor& gradient, const Node::Form& form) {
  check<ShapeError>(gradient.shape() == form.shape, "{} has shape {}, need {}", name, gradient.shape(),
                    form.shape);
  check<DTypeError>(gradient.dtype() == form.dtype, "{} is {}, need {}; convert it with to(dtype)", name,
                    gradient.dtype(), form.dtype);
  fail<DeviceError>("{} is on {}, need {}; move it with to(device)", name, gradient.device(), form.device);
}

}  // namespace

void InputGrads::add(size_t i, const Tensor& gradient) {
  const Node::Input& input = input_of(node_, i);
  if (!input.wanted()) return;
  const Node::Form form = input.form();
  if (!fits(gradient, form)) refuse_gradient(fmt::format("the gradient of input {}", i), gradient, form);
  if (!input.node) return add_to_leaf(Tensor(input.leaf), gradient, gradient.impl() == input.buffer);
  Node& node = *input.node;
  if (node.dy.defined()) {
    node.dy = sum_of(node.dy, gradient);
  } else {
    queue_.push(input.node);
    node.dy = gradient;
  }
}

namespace {

/// A gradient has the size of what was used in the forward pass; the leaf must still be able to take it.
void check_leaves(Node& node) {
  for (const Node::Input& input : node.inputs) {
    if (!input.leaf || input.leaf_is_as_used()) continue;
    fail<AutogradError>("a leaf has become {} {} on {} since the forward pass (set_data)", input.leaf->dtype,
                        input.leaf->shape, input.leaf->storage->device());
  }
}

/// gradient: of y; undefined for one, where y's operation knows what that means.
void run_backward(const Tensor& y, const Tensor& gradient) {
  const std::shared_ptr<Node>& root = y.impl()->node;
  check<AutogradError>(
      !root->released,
      "backward: the tape of this tensor was used up by an earlier backward(); compute it again");
  BackwardQueue queue;
  root->dy = gradient;
  root->masked = false;  // by this walk
  queue.push(root);
  while (!queue.empty()) {
    Node& node = queue.first();
    check<AutogradError>(
        !node.released, "backward: a part of this tape ({}) was used up by an earlier backward()", node.name);
    InputGrads grads(node, queue);
    try {
      check_leaves(node);
      node.backward(node.dy, grads);
    } catch (Error& error) {
      error.add_context(std::string("backward of ") + node.name);
      throw;
    }
    node.release();
    queue.pop();
  }
}

}  // namespace

void Tensor::backward() const {
  check_defined("backward");
  check<ShapeError>(numel() == 1, "backward: need a scalar or the gradient of the result, the shape is {}",
                    shape());
  if (!impl_->node || !impl_->node->undefined_is_one) return backward(ones_like(*this));
  const NoGrad no_grad;
  run_backward(*this, Tensor());
}

void Tensor::backward(const Tensor& gradient) const {
  check_defined("backward");
  gradient.check_defined("backward");
  const Node::Form form{shape(), dtype(), device()};
  if (!fits(gradient, form)) refuse_gradient("backward: the gradient", gradient, form);
  check<AutogradError>(requires_grad(),
                       "backward: this tensor does not depend on any that requires a gradient");
  const NoGrad no_grad;
  if (!impl_->node) return add_to_leaf(*this, gradient.detach(), false);
  run_backward(*this, gradient.detach());
}

}  // namespace dlengine
