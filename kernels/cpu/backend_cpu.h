// The CPU: oneDNN for f32 matrix products and convolutions, loops on parallel_for for everything else.
#pragma once

#include "dlengine/core/backend.h"

namespace dlengine {

/// Every call has finished when it returns, so streams are empty; an event is the time of its recording.
class CpuBackend final : public Backend {
 public:
  int device_count() const override { return 1; }
  std::string describe(int index) const override;
  Allocator& allocator(int index) override;
  std::shared_ptr<void> new_stream(int index) override;
  std::shared_ptr<void> current_stream(int index) const override;
  void set_current_stream(int index, std::shared_ptr<void> stream) override;
  void synchronize_stream(int index, void* stream) override;
  void synchronize(int index) override;
  std::shared_ptr<void> new_event(int index) override;
  void record_event(int index, void* event, void* stream) override;
  void wait_event(int index, void* event, void* stream) override;
  void synchronize_event(int index, void* event) override;
  double elapsed_ms(int index, void* start, void* stop) override;
  void copy_from_host(void* device_dst, const void* host_src, size_t bytes, int index) override;
  void copy_to_host(void* host_dst, const void* device_src, size_t bytes, int index) override;

  void begin_recording(int index) override;
  std::unique_ptr<Recording> end_recording(int index, bool keep) override;

  void copy(const Tensor& x, Tensor& y) override;
  void fill(Tensor& y, double value) override;
  void index_select(const Tensor& x, int axis, const Tensor& index, Tensor& y) override;
  void index_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) override;
  void gather(const Tensor& x, int axis, const Tensor& index, Tensor& y) override;
  void scatter_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) override;
  void check_index(const char* op, IndexRole role, const Tensor& index, int64_t size) override;
  void take_samples(const Samples& all, const Tensor& order, const BatchPosition& at,
                    Samples& batch) override;

  void uniform(Tensor& y, double low, double high, const PhiloxKey& key) override;
  void normal(Tensor& y, double mean, double deviation, const PhiloxKey& key) override;
  void dropout(const Tensor& x, double p, const PhiloxKey& key, Tensor& y) override;

  void unary(const Unary& f, const Tensor& x, Tensor& y) override;
  void unary_grad(const Unary& f, const Tensor& saved, const Tensor& dy, Tensor& dx) override;
  void relu_grad(const Tensor& y, const Tensor& dy, double scale, Tensor& dx) override;
  void scale_shift(const Tensor& x, double scale, double shift, Tensor& y) override;
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y) override;
  void compare(CompareOp op, const Tensor& a, const Tensor& b, Tensor& y) override;
  void where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) override;

  void reduce(ReduceOp op, const Tensor& x, Tensor& y) override;
  void arg_reduce(bool largest, const Tensor& x, int axis, Tensor& y) override;
  void cumsum(const Tensor& x, int axis, bool reverse, Tensor& y) override;
  void argsort(const Tensor& x, int axis, bool descending, Tensor& y) override;

  void matmul(const Tensor& a, const Tensor& b, Tensor& y) override;
  void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
              Tensor& y) override;
  void linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, LinearGrads& grads) override;

  bool wants_channels_last(DType dtype) const override { return dtype == DType::f32; }
  void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
              Tensor& y) override;
  void conv2d_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& w,
                   const Conv2dParams& params, Conv2dGradients& result) override;
  void max_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) override;
  void max_pool2d_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const Pool2dParams& params,
                       Tensor& dx) override;
  void max_pool2d_indices(const Tensor& x, const Pool2dParams& params, Tensor& index) override;
  void avg_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) override;
  void avg_pool2d_grad(const Tensor& dy, const Pool2dParams& params, Tensor& dx) override;

  void batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, BatchNormState& state,
                        Tensor& y, Tensor& mean, Tensor& inv_std) override;
  void batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias, const BatchNormState& state,
                       Tensor& y) override;
  void batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& inv_std,
                       const Tensor& y, const Tensor& dy, Tensor& dx, Tensor& dweight,
                       Tensor& dbias) override;

  void lstm_cell(const Tensor& gates, const Tensor& c0, Tensor& saved, Tensor& c, Tensor& h) override;
  void lstm_cell_grad(const Tensor& saved, const Tensor& c0, const Tensor& c, const Tensor& dh,
                      const Tensor& dc, Tensor& dgates, Tensor& dc0) override;
  void gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0, Tensor& saved, Tensor& h) override;
  void gru_cell_grad(const Tensor& saved, const Tensor& h0, const Tensor& dh, Tensor& dgx, Tensor& dgh,
                     Tensor& dh0) override;

  void softmax(const Tensor& x, bool log, Tensor& y) override;
  void softmax_grad(const Tensor& y, const Tensor& dy, bool log, Tensor& dx) override;
  void cross_entropy(const Tensor& x, const Tensor& target, CrossEntropy& result) override;
  void cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& dloss, double divisor,
                          Tensor& dx) override;

  void count_batch(const Tensor& loss, const Tensor& x, const Tensor& classes, Tensor& totals) override;

  void sgd_update(Tensor& w, const Tensor& g, Tensor& velocity, const SgdStep& step) override;
  void rmsprop_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& velocity,
                      const RmspropStep& step) override;
  void adam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const AdamStep& step) override;
  void adagrad_update(Tensor& w, const Tensor& g, Tensor& sum, const AdagradStep& step) override;
  void adadelta_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& mean_delta,
                       const AdadeltaStep& step) override;
  void adamax_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& largest, const AdamaxStep& step) override;
  void nadam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const NadamStep& step) override;
  void lion_update(Tensor& w, const Tensor& g, Tensor& m, const LionStep& step) override;

 private:
  // The passes of conv2d_grad(). y: of f32 images with an activation the result, else undefined.
  void conv2d_grad_input(const Tensor& dy, const Tensor& y, const Tensor& w, const Conv2dParams& params,
                         Tensor& dx);
  void conv2d_grad_weight(const Tensor& dy, const Tensor& y, const Tensor& x, const Conv2dParams& params,
                          Tensor& dw, Tensor& db);
};

/// The one CPU backend; it lives until the process ends.
CpuBackend& cpu_backend();

}  // namespace dlengine
