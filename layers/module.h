// The building block of networks: parameters, buffers, children and a forward function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

class Module;

/// What Module::visit() hands its members to. A layer names each of its members once, and everything else
/// follows from that: parameters(), state(), to(), train() and the summary.
class ModuleVisitor {
 public:
  virtual ~ModuleVisitor() = default;
  virtual void parameter(std::string_view name, Tensor& tensor) = 0;  // trained; may still be undefined
  virtual void buffer(std::string_view name, Tensor& tensor) = 0;     // saved but not trained
  virtual void child(std::string_view name, Module& module) = 0;
};

/// A module and its path from the one that was asked: "" for itself, "features.0" for a layer below.
struct NamedModule {
  std::string path;
  Module* module = nullptr;
};

/// What one output pixel of a layer looks at, for the receptive field: a number for each axis of space, one
/// of series, two of images, three of volumes. Empty: the pixel in its own place.
struct Window {
  Dims extent = {};    // input pixels from the first to the last one seen
  Dims stride = {};    // input pixels between neighbouring output pixels, divided by
  Dims enlarged = {};  // this, for layers that make images larger; empty: 1
};

/// Weight and bias of a layer that computes y = weight x + bias, where x has as many axes as weight, and the
/// channels of y are weight's first axis and y's second one.
struct Affine {
  Tensor weight;
  Tensor bias;  // may be undefined
};

/// y = x * scale + shift for each channel (the second axis) of x; scale, shift [C].
struct ChannelMap {
  Tensor scale, shift;
};

/// As in PyTorch.
struct LoadOptions {
  bool strict = true;  // false: loads what fits by name and shape, and says what it passed over
};

/// Names that loading passed over, those of the module in its order.
struct LoadResult {
  std::vector<std::string> missing_keys = {};     // of the module, without values: those keep what they have
  std::vector<std::string> unexpected_keys = {};  // of values that no tensor of the module has
  std::vector<std::string> mismatched_keys = {};  // of both, but in another shape: these, too, keep theirs
};

/// Base of all layers and models. Call a module as a function: model(x). Modules are moved, not copied, as
/// two modules with shared parameters are rarely meant; a shared Tensor member (tied weights) is trained and
/// counted once.
///
/// Parameters are made late: by the first forward pass, or when somebody asks for them and their sizes are
/// known. So initial values are drawn in the order of the layers, whatever the order in which C++ makes the
/// arguments of a call.
///
/// Once they exist, several threads may call one module at a time in evaluation mode: forward() then writes
/// to nothing that they share.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(Module&&) = default;
  Module& operator=(Module&&) = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// "Conv2d", for messages and the summary.
  virtual std::string_view type_name() const = 0;
  /// Its options in short, as "32 -> 64, kernel 3x3".
  virtual std::string description() const { return {}; }
  virtual Tensor forward(const Tensor& x) = 0;
  /// True for layers that apply this ending as they write their result, with the same bits.
  virtual bool takes(const Ending&) const { return false; }
  /// forward(x) and then the ending.
  virtual Tensor forward_with(const Ending& ending, const Tensor& x);
  /// True for a layer f with f(activation(x)) = activation(f(x)), which takes activations.
  virtual bool commutes_with_activation() const { return false; }
  /// What this layer is at the moment, if it is nothing but an activation or dropout.
  virtual Ending as_ending() const { return {}; }
  /// The weights of a layer that is an affine map; undefined for others, and before the first input.
  virtual Affine affine() const { return {}; }
  /// forward_with() by other weights, for layers that have affine().
  virtual Tensor forward_affine(const Affine& weights, const Ending& ending, const Tensor& x);
  /// What this layer does in evaluation mode, if that is a map of channels; undefined otherwise.
  virtual ChannelMap channel_map() const { return {}; }
  /// Names every parameter, buffer and child to the visitor; the default has none.
  virtual void visit(ModuleVisitor&) {}
  /// Makes parameters and buffers that do not exist yet, where their sizes are known without an input: in f32
  /// on the CPU, drawn from default_generator(). Layers without tensors of their own leave it as it is.
  virtual void build() {}
  /// Type of the inputs of a module that computes in the given type: i64 where they are tokens.
  virtual DType input_type(DType compute) const { return compute; }
  /// Type of the parameters and buffers of this layer where it computes in the given type.
  virtual DType parameter_type(DType compute) const { return compute; }
  /// Multiplications and additions of one forward pass (a multiply-add counts 2); 0 where they do not matter.
  virtual int64_t flops(const Shape& /*input*/, const Shape& /*output*/) const { return 0; }
  /// What an output pixel looks at in a call with an input of that shape.
  virtual Window window(const Shape& /*input*/, const Shape& /*output*/) const { return {}; }
  /// True if forward() does nothing but tensor operations, and for inputs of one shape always the same ones:
  /// then a recording of it can be replayed. Of a module with children it speaks of what the module itself
  /// does.
  virtual bool replayable() const { return false; }

  /// forward(); an error on the way is given this module's type and options.
  Tensor operator()(const Tensor& x) { return call({}, x); }
  /// The same with forward_with().
  Tensor call(const Ending& ending, const Tensor& x);
  /// The same with forward_affine().
  Tensor call_affine(const Affine& weights, const Ending& ending, const Tensor& x);
  /// In place of a call, where a neighbour did what this layer does to a tensor of this shape.
  void passed_over(const Shape& shape);

  /// Training mode (the default) or evaluation mode, for this module and all below: dropout and batch norm
  /// differ. Inside of an EvaluationMode it holds from that one's end on.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const;

  /// This module and all below it, parents before children.
  std::vector<NamedModule> modules();
  /// The first of them that does not say that it is replayable; null if all do.
  const Module* first_not_replayable();

  /// Every trained tensor with its path, as "conv1.weight"; a tensor that several layers share comes once.
  /// Throws ValueError if a layer has not seen its input yet and so has no sizes: call infer_shapes() first.
  NamedTensors named_parameters();
  NamedTensors named_buffers();
  std::vector<Tensor> parameters();
  int64_t parameter_count();

  /// Parameters and buffers by name; the tensors share memory with the module. Throws as named_parameters().
  NamedTensors state();
  /// Copies values by name, converted to the module's types. PyTorch's "num_batches_tracked" counters are
  /// passed over, as batch norm has no use for them here. Throws ValueError that lists missing and unexpected
  /// names, ShapeError for sizes that differ, DTypeError for values that are not floating; then nothing was
  /// changed.
  ///
  /// With strict = false, as for a network that goes on from another one's weights with a head of its own,
  /// the result lists what was passed over. Unlike PyTorch, which refuses them, it passes over values of
  /// another shape: a new head for another number of classes has the names of the old one. Each tensor stands
  /// for itself, so of a layer with another number of inputs the bias is loaded. Throws ValueError if nothing
  /// fits, as where all names have a prefix, and for a name given twice; DTypeError as above.
  LoadResult load_state(const NamedTensors& state, const LoadOptions& options = {});

  /// Moves parameters and buffers and forgets gradients. Every handle of a parameter follows; optimizers
  /// attached before must be attached again and say so. Layers without sizes go where their first input is.
  void to(Device device);
  /// Throws DTypeError unless the type is floating.
  void to(DType dtype);

  /// Lets layers whose input size was left out find it, by a forward pass of zeros of this shape (batch size
  /// included) in evaluation mode. Parameters are made in its type and on its device; behind tokens (see
  /// input_type()) in f32.
  void infer_shapes(const Shape& input, Device device = kCpu) { infer_shapes(input, DType::f32, device); }
  void infer_shapes(const Shape& input, DType dtype, Device device = kCpu);

 private:
  friend class EvaluationMode;
  template <typename F>
  Tensor observed(const Tensor& x, const F& f);

  bool training_ = true;
  mutable int evaluations_ = 0;  // EvaluationModes that live, of all threads; used atomically
};

/// Evaluation mode for a module and all below while it lives, on all threads; afterwards each of them is in
/// its own mode again. There may be several for one module, as where threads evaluate it side by side.
class EvaluationMode {
 public:
  explicit EvaluationMode(Module& module);
  ~EvaluationMode();
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  std::vector<const Module*> modules_;
};

/// Is told of every module call that this thread completes while it lives; inner calls come before outer
/// ones. They nest; the newest one is told.
class ForwardObserver {
 public:
  ForwardObserver();
  virtual ~ForwardObserver();
  ForwardObserver(const ForwardObserver&) = delete;
  ForwardObserver& operator=(const ForwardObserver&) = delete;
  virtual void called(Module& module, const Shape& input, const Shape& output) = 0;
  /// The result of the call, right after called().
  virtual void computed(Module& /*module*/, const Tensor& /*output*/) {}
  /// True: no layer does what its neighbour should, so that computed() gets the result of each.
  virtual bool wants_each_result() const { return false; }

  /// The one that is told on this thread; null if there is none.
  static ForwardObserver* newest();

 private:
  ForwardObserver* previous_;
};

/// Weights in one safetensors file (PyTorch's names), written whole or not at all. Throws IoError.
void save_weights(Module& module, const std::string& path);
/// As Module::load_state(), of a file. Throws IoError for a damaged file, ValueError, ShapeError or
/// DTypeError where it does not fit; then nothing was changed.
LoadResult load_weights(Module& module, const std::string& path, const LoadOptions& options = {});

}  // namespace dlengine
