// Internal: the backend that writes down what it is asked for.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dlengine/core/graph/arguments.h"
#include "dlengine/core/graph/program.h"
#include "dlengine/core/graph/tracing.h"

namespace dlengine {

/// Constants of all traces of one graph.
class ConstantPool {
 public:
  /// known: tensors that have names; others get "constant.0", "constant.1", ...
  ConstantPool(const NamedTensors& known, NamedTensors& constants) : known_(known), constants_(constants) {}
  const NamedTensors& known() const { return known_; }
  /// The number of a known tensor among the constants.
  int number_of_known(size_t i);
  /// Of all elements of a storage; traces that have equal ones share them.
  int number_of(const Tensor& elements);

 private:
  int add(const std::string& name, const Tensor& tensor);

  const NamedTensors& known_;
  NamedTensors& constants_;
  std::unordered_map<size_t, int> numbers_of_known_;
  int unnamed_ = 0;
};

/// While it lives, this thread's calls of the device's backend are written down and not computed: memory is
/// real, but what operations leave there is undefined. Names and sizes are of one batch.
class Tracer final : public Backend {
 public:
  Tracer(Device device, std::vector<DType> channels_last, ConstantPool& constants);
  ~Tracer() override;
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  void add_input(const Tensor& input);
  /// The program that gives these results.
  GraphProgram finish(const std::vector<Tensor>& results);

  [[noreturn]] static void refuse(const char* does);
  void note_host_values(const Tensor& tensor);

  int device_count() const override { return real_.device_count(); }
  std::string describe(int index) const override { return real_.describe(index); }
  Allocator& allocator(int index) override { return real_.allocator(index); }
  std::shared_ptr<void> new_stream(int index) override { return real_.new_stream(index); }
  std::shared_ptr<void> current_stream(int index) const override { return real_.current_stream(index); }
  void set_current_stream(int, std::shared_ptr<void>) override { refuse("chooses a stream"); }
  void synchronize_stream(int index, void* stream) override { real_.synchronize_stream(index, stream); }
  void synchronize(int index) override { real_.synchronize(index); }
  std::shared_ptr<void> new_event(int index) override { return real_.new_event(index); }
  void record_event(int index, void* event, void* stream) override {
    real_.record_event(index, event, stream);
  }
  void wait_event(int index, void* event, void* stream) override { real_.wait_event(index, event, stream); }
  void synchronize_event(int index, void* event) override { real_.synchronize_event(index, event); }
  double elapsed_ms(int, void*, void*) override { refuse("measures time"); }
  void copy_from_host(void* device_dst, const void* host_src, size_t bytes, int index) override {
    real_.copy_from_host(device_dst, host_src, bytes, index);
  }
  void copy_to_host(void*, const void*, size_t, int) override { refuse("moves a tensor to the host"); }
  void begin_recording(int) override { refuse("records a step"); }
  std::unique_ptr<Recording> end_recording(int, bool) override { refuse("records a step"); }

  void copy(const Tensor& x, Tensor& y) override { write_down("copy", x, y); }
  void fill(Tensor& y, double value) override { write_down("fill", y, value); }
  void index_select(const Tensor& x, int axis, const Tensor& index, Tensor& y) override {
    write_down("index_select", x, axis, index, y);
  }
  void index_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) override {
    write_down("index_add", dy, axis, index, dx);
  }
  void gather(const Tensor& x, int axis, const Tensor& index, Tensor& y) override {
    write_down("gather", x, axis, index, y);
  }
  void scatter_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) override {
    write_down("scatter_add", dy, axis, index, dx);
  }
  // Not in a graph: the functions above look themselves.
  void check_index(const char*, IndexRole, const Tensor&, int64_t) override {}
  void take_samples(const Samples&, const Tensor&, const BatchPosition&, Samples&) override {
    refuse("gathers training samples");
  }

  void uniform(Tensor&, double, double, const PhiloxKey&) override { refuse(kRandom); }
  void normal(Tensor&, double, double, const PhiloxKey&) override { refuse(kRandom); }
  void dropout(const Tensor&, double, const PhiloxKey&, Tensor&) override { refuse(kRandom); }

  void unary(const Unary& f, const Tensor& x, Tensor& y) override { write_down("unary", f, x, y); }
  void unary_grad(const Unary& f, const Tensor& saved, const Tensor& dy, Tensor& dx) override {
    write_down("unary_grad", f, saved, dy, dx);
  }
  void relu_grad(const Tensor& y, const Tensor& dy, double scale, Tensor& dx) override {
    write_down("relu_grad", y, dy, scale, dx);
  }
  void scale_shift(const Tensor& x, double scale, double shift, Tensor& y) override {
    write_down("scale_shift", x, scale, shift, y);
  }
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y) override {
    write_down("binary", op, a, b, y);
  }
  void compare(CompareOp op, const Tensor& a, const Tensor& b, Tensor& y) override {
    write_down("compare", op, a, b, y);
  }
  void where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) override {
    write_down("where", condition, a, b, y);
  }

  void reduce(ReduceOp op, const Tensor& x, Tensor& y) override { write_down("reduce", op, x, y); }
  void arg_reduce(bool largest, const Tensor& x, int axis, Tensor& y) override {
    write_down("arg_reduce", largest, x, axis, y);
  }
  void cumsum(const Tensor& x, int axis, bool reverse, Tensor& y) override {
    write_down("cumsum", x, axis, reverse, y);
  }
  void argsort(const Tensor& x, int axis, bool descending, Tensor& y) override {
    write_down("argsort", x, axis, descending, y);
  }

  void matmul(const Tensor& a, const Tensor& b, Tensor& y) override { write_down("matmul", a, b, y); }
  void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
              Tensor& y) override {
    write_down("linear", x, weight, bias, activation, y);
  }
  void linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, LinearGrads& grads) override {
    write_down("linear_grad", dy, x, weight, grads);
  }

  bool wants_channels_last(DType dtype) const override;
  void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
              Tensor& y) override {
    write_down("conv2d", x, w, bias, params, y);
  }
  void conv2d_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& w,
                   const Conv2dParams& params, Conv2dGradients& result) override {
    write_down("conv2d_grad", dy, y, x, w, params, result);
  }
  void max_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) override {
    write_down("max_pool2d", x, without_dropout(params), y);
  }
  void max_pool2d_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const Pool2dParams& params,
                       Tensor& dx) override {
    write_down("max_pool2d_grad", x, y, dy, without_dropout(params), dx);
  }
  void max_pool2d_indices(const Tensor& x, const Pool2dParams& params, Tensor& index) override {
    write_down("max_pool2d_indices", x, without_dropout(params), index);
  }
  void avg_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) override {
    write_down("avg_pool2d", x, without_dropout(params), y);
  }
  void avg_pool2d_grad(const Tensor& dy, const Pool2dParams& params, Tensor& dx) override {
    write_down("avg_pool2d_grad", dy, without_dropout(params), dx);
  }

  void batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, BatchNormState& state,
                        Tensor& y, Tensor& mean, Tensor& inv_std) override {
    if (state.running_mean.defined()) refuse("keeps running statistics (call eval() first)");
    write_down("batch_norm_train", x, weight, bias, state, y, mean, inv_std);
  }
  void batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias, const BatchNormState& state,
                       Tensor& y) override {
    write_down("batch_norm_eval", x, weight, bias, state, y);
  }
  void batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& inv_std,
                       const Tensor& y, const Tensor& dy, Tensor& dx, Tensor& dweight,
                       Tensor& dbias) override {
    write_down("batch_norm_grad", x, weight, mean, inv_std, y, dy, dx, dweight, dbias);
  }

  void lstm_cell(const Tensor& gates, const Tensor& c0, Tensor& saved, Tensor& c, Tensor& h) override {
    write_down("lstm_cell", gates, c0, saved, c, h);
  }
  void lstm_cell_grad(const Tensor& saved, const Tensor& c0, const Tensor& c, const Tensor& dh,
                      const Tensor& dc, Tensor& dgates, Tensor& dc0) override {
    write_down("lstm_cell_grad", saved, c0, c, dh, dc, dgates, dc0);
  }
  void gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0, Tensor& saved, Tensor& h) override {
    write_down("gru_cell", gx, gh, h0, saved, h);
  }
  void gru_cell_grad(const Tensor& saved, const Tensor& h0, const Tensor& dh, Tensor& dgx, Tensor& dgh,
                     Tensor& dh0) override {
    write_down("gru_cell_grad", saved, h0, dh, dgx, dgh, dh0);
  }

  void softmax(const Tensor& x, bool log, Tensor& y) override { write_down("softmax", x, log, y); }
  void softmax_grad(const Tensor& y, const Tensor& dy, bool log, Tensor& dx) override {
    write_down("softmax_grad", y, dy, log, dx);
  }
  void cross_entropy(const Tensor& x, const Tensor& target, CrossEntropy& result) override {
    if (result.totals.defined()) refuse("counts a batch");
    write_down("cross_entropy", x, target, result);
  }
  void cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& dloss, double divisor,
                          Tensor& dx) override {
    write_down("cross_entropy_grad", x, target, dloss, divisor, dx);
  }
  void count_batch(const Tensor&, const Tensor&, const Tensor&, Tensor&) override {
    refuse("counts a batch");
  }

  void sgd_update(Tensor&, const Tensor&, Tensor&, const SgdStep&) override { refuse(kUpdate); }
  void rmsprop_update(Tensor&, const Tensor&, Tensor&, Tensor&, const RmspropStep&) override {
    refuse(kUpdate);
  }
  void adam_update(Tensor&, const Tensor&, Tensor&, Tensor&, const AdamStep&) override { refuse(kUpdate); }
  void adagrad_update(Tensor&, const Tensor&, Tensor&, const AdagradStep&) override { refuse(kUpdate); }
  void adadelta_update(Tensor&, const Tensor&, Tensor&, Tensor&, const AdadeltaStep&) override {
    refuse(kUpdate);
  }
  void adamax_update(Tensor&, const Tensor&, Tensor&, Tensor&, const AdamaxStep&) override {
    refuse(kUpdate);
  }
  void nadam_update(Tensor&, const Tensor&, Tensor&, Tensor&, const NadamStep&) override { refuse(kUpdate); }
  void lion_update(Tensor&, const Tensor&, Tensor&, const LionStep&) override { refuse(kUpdate); }

 private:
  static constexpr const char* kRandom = "draws random numbers (dropout: call eval() first)";
  static constexpr const char* kUpdate = "updates parameters";

  /// The arguments of one call, for arguments.h.
  struct Writer {
    Tracer& tracer;
    GraphCall& call;
    size_t next_plain = 0;
    void tensor(const Tensor& tensor) { call.tensors.push_back(tracer.view_of(tensor, call)); }
    template <typename T>
    void plain(const T& value) {
      call.attributes.emplace_back(call.function->plain[next_plain++], encode_attribute(value));
    }
    template <typename T>
    void field(const char* name, const T& value, const T& usual) {
      if (value != usual) call.attributes.emplace_back(name, encode_attribute(value));
    }
  };

  template <typename... Arguments>
  void write_down(const char* function, const Arguments&... arguments) {
    GraphCall call{&backend_function(function), {}, {}};
    Writer writer{*this, call};
    // The visitor takes what it may fill; this one only reads.
    (visit_argument(writer, const_cast<Arguments&>(arguments)), ...);
    program_.calls.push_back(std::move(call));
  }

  static const Pool2dParams& without_dropout(const Pool2dParams& params) {
    if (params.ending.dropout > 0) refuse(kRandom);
    return params;
  }

  GraphView view_of(const Tensor& tensor, const GraphCall& call);
  GraphView view(const Tensor& tensor, bool writes);
  int value_of(const Tensor& tensor, bool writes, int64_t& offset);
  int known_constant(const Tensor& tensor, int64_t& offset);
  int add_value(const std::shared_ptr<Storage>& storage, const GraphValue& value);

  struct Unnamed {
    int value;
    std::shared_ptr<Storage> storage;
    DType dtype;
  };

  Device device_;
  Backend& real_;
  ConstantPool& constants_;
  GraphProgram program_;
  std::unordered_map<const Storage*, int> values_;  // by the memory that stands for them in the trace
  std::unordered_map<size_t, int> known_values_;
  std::vector<std::pair<int, size_t>> named_;  // value, known constant
  std::vector<Unnamed> unnamed_;
  std::vector<std::shared_ptr<Storage>> alive_;  // so that no two of them have one address
  std::vector<std::shared_ptr<Storage>> from_host_;
};

}  // namespace dlengine
