// All that a device must supply: the porting surface on one page.
//
// core/ops checks types, shapes and devices, promotes, makes outputs and records the tape; a Backend only
// computes. So on every call here: tensors are on this backend's device, outputs exist with the right shape
// and type, are row-major without gaps and never overlap inputs unless the line says "may be". Inputs may be
// any strided view where the line says "strided" and are row-major without gaps elsewhere. Where the line
// says "one layout", all images [N, C, H, W] on it are either row-major or, if wants_channels_last(),
// channels-last (core/image_layout.h). Sizes may be 0. Undefined tensors appear only where the line says so.
// Calls queue on current_stream(device) and may return before the work is done. "Floating" is f16, bf16, f32
// and f64; 16-bit types compute and sum in f32. Sums run in an order that depends on the shapes alone, so
// results repeat bit by bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "dlengine/core/allocator.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/op_params.h"
#include "dlengine/core/philox.h"
#include "dlengine/core/samples.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

// The maths of these is in kernels/unary_functors.h and activation_functors.h, for all devices at once.
enum class UnaryOp : uint8_t {
  abs,
  exp,
  log,
  sqrt,
  square,
  reciprocal,
  sign,
  relu,
  sigmoid,
  tanh,
  rsqrt,
  log1p,
  expm1,
  sin,
  cos,
  erf,
  floor,
  ceil,
  round,
  step,
  leaky_relu,  // a: slope below 0
  elu,         // a: alpha, b: scale
  gelu,
  gelu_tanh,
  silu,
  softplus,  // a: beta
  mish,
  softsign,
  clip,      // to a .. b
  hardtanh,  // to a .. b
  hardsigmoid,
  hardswish
};

/// A function of one element with its numbers, if it has some.
struct Unary {
  UnaryOp op;
  double a = 0;
  double b = 0;
  constexpr Unary(UnaryOp function, double first = 0, double second = 0)  // NOLINT: implicit on purpose
      : op(function), a(first), b(second) {}
};

enum class BinaryOp : uint8_t { add, sub, mul, div, maximum, minimum, pow };
enum class CompareOp : uint8_t { eq, ne, lt, le, gt, ge };
enum class ReduceOp : uint8_t { sum, mean, max, min };

/// How an error names a number that is out of range.
enum class IndexRole : uint8_t { position, label };

/// True if the slope of the operation is computed from its result y, false if from its argument x.
bool slope_from_result(UnaryOp op);

class Backend {
 public:
  virtual ~Backend() = default;

  // --- Device, memory, streams; index is the device's number ---
  virtual int device_count() const = 0;
  virtual std::string describe(int index) const = 0;
  virtual Allocator& allocator(int index) = 0;
  virtual std::shared_ptr<void> new_stream(int index) = 0;
  virtual std::shared_ptr<void> current_stream(int index) const = 0;
  virtual void set_current_stream(int index, std::shared_ptr<void> stream) = 0;
  virtual void synchronize_stream(int index, void* stream) = 0;
  virtual void synchronize(int index) = 0;
  virtual std::shared_ptr<void> new_event(int index) = 0;
  virtual void record_event(int index, void* event, void* stream) = 0;
  virtual void wait_event(int index, void* event, void* stream) = 0;
  virtual void synchronize_event(int index, void* event) = 0;
  virtual double elapsed_ms(int index, void* start, void* stop) = 0;
  // from_host queues the copy; host_src may be written to when it returns. to_host waits until the bytes have
  // arrived, and throws errors that device work found (a label out of range).
  virtual void copy_from_host(void* device_dst, const void* host_src, size_t bytes, int index) = 0;
  virtual void copy_to_host(void* host_dst, const void* device_src, size_t bytes, int index) = 0;

  // --- Recorded steps: from begin to end, this thread's work on the current stream is kept. When end
  // returns, it has been queued once. With keep = false it is thrown away and nothing is thrown ---
  virtual void begin_recording(int index) = 0;
  virtual std::unique_ptr<Recording> end_recording(int index, bool keep) = 0;

  // --- Moving elements. An index out of range is a ValueError, on a GPU thrown at the next copy_to_host ---
  virtual void copy(const Tensor& x,
                    Tensor& y) = 0;  // x strided, y strided, same shape; converts any type to any
  virtual void fill(Tensor& y, double value) = 0;  // y strided
  virtual void index_select(const Tensor& x, int axis, const Tensor& index,
                            Tensor& y) = 0;  // index i64 [K], any type
  virtual void index_add(const Tensor& dy, int axis, const Tensor& index,
                         Tensor& dx) = 0;  // dx overwritten; floating
  virtual void gather(const Tensor& x, int axis, const Tensor& index,
                      Tensor& y) = 0;  // index i64 shaped like y
  virtual void scatter_add(const Tensor& dy, int axis, const Tensor& index,
                           Tensor& dx) = 0;  // dx overwritten
  // Only looks whether 0 <= index < size, in the words of an operation that uses one of the above: op, which
  // lives as long as the program, and what the numbers are there. index i64.
  virtual void check_index(const char* op, IndexRole role, const Tensor& index, int64_t size) = 0;
  // Batch row i is row order[(at.now() + i) % M] of all; u8 in all.x becomes f32 by pixel_value(), all else
  // stays as it is. order i64 [M], M > 0, is trusted: its numbers are in range.
  virtual void take_samples(const Samples& all, const Tensor& order, const BatchPosition& at,
                            Samples& batch) = 0;

  // --- Random; element i is a function of (key, i) ---
  virtual void uniform(Tensor& y, double low, double high, const PhiloxKey& key) = 0;       // floating
  virtual void normal(Tensor& y, double mean, double deviation, const PhiloxKey& key) = 0;  // floating
  // y = x / (1 - p) where kept, else 0; floating, p < 1; one layout, i counts in row-major order. The
  // gradient is the same call on dy. y may be x.
  virtual void dropout(const Tensor& x, double p, const PhiloxKey& key, Tensor& y) = 0;

  // --- Elementwise; floating results may be channels-last if wants_channels_last() ---
  virtual void unary(const Unary& f, const Tensor& x,
                     Tensor& y) = 0;  // x strided, y may be x; floating, integers where f has kTakesIntegers
  // dx = dy * slope; saved is x or y as slope_from_result(f.op) says; saved and dy strided; floating.
  virtual void unary_grad(const Unary& f, const Tensor& saved, const Tensor& dy, Tensor& dx) = 0;
  // dx = dy * (y > 0) * scale; y and dy strided; floating; dx may be dy
  virtual void relu_grad(const Tensor& y, const Tensor& dy, double scale, Tensor& dx) = 0;
  virtual void scale_shift(const Tensor& x, double scale, double shift,
                           Tensor& y) = 0;  // x * scale + shift; x strided
  // a, b strided and shaped like y (stride 0 where broadcast), y may be one of them; numeric, one type.
  virtual void binary(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y) = 0;
  virtual void compare(CompareOp op, const Tensor& a, const Tensor& b,
                       Tensor& y) = 0;  // as binary, any type; y bool, apart
  virtual void where(const Tensor& condition, const Tensor& a, const Tensor& b,
                     Tensor& y) = 0;  // strided; condition bool

  // --- Reductions ---
  // x strided; y has x's rank, with size 1 along the reduced axes. numeric; mean: floating.
  virtual void reduce(ReduceOp op, const Tensor& x, Tensor& y) = 0;
  // Index of the first largest (smallest) element along the axis, i64; NaN counts as largest (smallest). x
  // strided.
  virtual void arg_reduce(bool largest, const Tensor& x, int axis,
                          Tensor& y) = 0;  // y: size 1 along the axis
  // y[i] = x[0] + .. + x[i] along the axis, or x[i] + .. + x[last] if reverse; x strided; numeric.
  virtual void cumsum(const Tensor& x, int axis, bool reverse, Tensor& y) = 0;
  // y i64: positions along the axis in rising (falling) order of their elements, equal ones as they come; NaN
  // counts as largest. x strided; numeric.
  virtual void argsort(const Tensor& x, int axis, bool descending, Tensor& y) = 0;

  // --- Matrix products; floating ---
  // a [B.., M, K], b [B.., K, N] -> y [B.., M, N]. Batch axes are equal (stride 0 where broadcast). The last
  // two axes of a and of b each have one stride of 1 and the other at least the row's length, so a transpose
  // is a view.
  virtual void matmul(const Tensor& a, const Tensor& b, Tensor& y) = 0;
  // x [N, I], weight [O, I], bias [O] or undefined -> y [N, O] = activation(x weight^T + bias)
  virtual void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
                      Tensor& y) = 0;
  struct LinearGrads {
    Tensor dx, dweight, dbias;  // undefined: not wanted
    double mask_scale = 0;      // not 0: dx is multiplied by (x > 0) * mask_scale
  };
  // dy [N, O]: the gradient before the activation
  virtual void linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, LinearGrads& grads) = 0;

  // --- Convolution and pooling; filters OIHW; floating ---
  // True if the images of convolutions in this type are channels-last, false if they are row-major.
  virtual bool wants_channels_last(DType dtype) const = 0;
  // x [N, C, H, W], w [K, C/groups, R, S], bias [K] or undefined -> y [N, K, P, Q]
  virtual void conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
                      Tensor& y) = 0;
  struct Conv2dGradients {
    Tensor dx, dw, db;  // of the images, the filters and the bias; undefined if not asked for
  };
  // y: with an activation the result, else undefined; x: may be undefined where dx alone is asked for
  virtual void conv2d_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& w,
                           const Conv2dParams& params, Conv2dGradients& result) = 0;
  virtual void max_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) = 0;
  // dy: of the result y, which has the ending. The gradient goes to the first largest pixel of each window,
  // in row-major order.
  virtual void max_pool2d_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const Pool2dParams& params,
                               Tensor& dx) = 0;
  // index i64 [N, C, P, Q]: h * W + w of the first largest pixel of each window; x row-major.
  virtual void max_pool2d_indices(const Tensor& x, const Pool2dParams& params, Tensor& index) = 0;
  // Without the ending, as its gradient.
  virtual void avg_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) = 0;
  virtual void avg_pool2d_grad(const Tensor& dy, const Pool2dParams& params, Tensor& dx) = 0;

  // --- Batch norm over all axes of x [N, C, ...] but C; floating; one layout. Per-channel tensors [C] are
  // f32 (f64 if x is) ---
  struct BatchNormState {
    Tensor running_mean, running_var;  // updated in place; undefined if not kept
    double momentum = 0;  // running = (1 - momentum) * running + momentum * new; new variance unbiased
    double eps = 0;
    Activation activation = Activation::none;  // of y
  };
  // y = (x - mean) * inv_std * weight + bias with the batch's own mean and biased variance, which are saved.
  virtual void batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                BatchNormState& state, Tensor& y, Tensor& mean, Tensor& inv_std) = 0;
  virtual void batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                               const BatchNormState& state, Tensor& y) = 0;
  // Of training. y: the result if it ended in relu, else undefined.
  virtual void batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean,
                               const Tensor& inv_std, const Tensor& y, const Tensor& dy, Tensor& dx,
                               Tensor& dweight, Tensor& dbias) = 0;

  // --- Cells of recurrent layers: all that is not a matrix product; floating ---
  // gates [N, 4H], before their functions: input i, forget f, cell g, output o. c, c0, h [N, H]:
  // c = sigmoid(f) * c0 + sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(c). saved [N, 4H]: the gates after
  // their functions.
  virtual void lstm_cell(const Tensor& gates, const Tensor& c0, Tensor& saved, Tensor& c, Tensor& h) = 0;
  virtual void lstm_cell_grad(const Tensor& saved, const Tensor& c0, const Tensor& c, const Tensor& dh,
                              const Tensor& dc, Tensor& dgates, Tensor& dc0) = 0;
  // gx, gh [N, 3H]: what the input and h0 give to reset r, update z and new n. h, h0 [N, H]:
  // r = sigmoid(gx_r + gh_r), z alike, n = tanh(gx_n + r * gh_n), h = (1 - z) * n + z * h0. saved [N, 4H]: r,
  // z, n, gh_n.
  virtual void gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0, Tensor& saved, Tensor& h) = 0;
  // dh0: of the last term alone
  virtual void gru_cell_grad(const Tensor& saved, const Tensor& h0, const Tensor& dh, Tensor& dgx,
                             Tensor& dgh, Tensor& dh0) = 0;

  // --- Softmax and losses; rows of x [N, C]; floating ---
  virtual void softmax(const Tensor& x, bool log, Tensor& y) = 0;
  virtual void softmax_grad(const Tensor& y, const Tensor& dy, bool log, Tensor& dx) = 0;
  struct CrossEntropy {
    Tensor loss;  // [N]: of every row; []: their sum / divisor; f32 (f64 if x is)
    double divisor = 1;
    Tensor dx;      // cross_entropy_grad() for a dloss of one; or undefined
    Tensor totals;  // f64 [5], as of count_batch(); or undefined, as it is where loss is [N]. The class of a
                    // row of probabilities is the first of its largest
  };
  // target: i64 [N] with 0 <= class < C, or probabilities [N, C] of x's type. A class out of range is a
  // ValueError, on a GPU thrown at the next copy_to_host.
  virtual void cross_entropy(const Tensor& x, const Tensor& target, CrossEntropy& result) = 0;
  // dx = (softmax(x) * sum(target) - target) * dloss / divisor; dloss: [N], or one element for all rows
  virtual void cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& dloss, double divisor,
                                  Tensor& dx) = 0;

  // Adds a batch to totals f64 [5]: loss * N, hits, N, 1, and once a loss is not finite, the number (from 1)
  // of the first such batch. loss: one element, f32 or f64. x: outputs [N, ...], floating; classes: i64 [N],
  // then x is [N, C] and a hit is a row whose largest element (a NaN is larger than all) is the class's; or
  // undefined.
  virtual void count_batch(const Tensor& loss, const Tensor& x, const Tensor& classes, Tensor& totals) = 0;

  // --- Optimizer updates in place over flat tensors of equal length; f32 and f64. One kernel each ---
  virtual void sgd_update(Tensor& w, const Tensor& g, Tensor& velocity,
                          const SgdStep& step) = 0;  // velocity: or undefined
  virtual void rmsprop_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& velocity,
                              const RmspropStep& step) = 0;  // velocity: undefined without momentum
  virtual void adam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const AdamStep& step) = 0;
  virtual void adagrad_update(Tensor& w, const Tensor& g, Tensor& sum, const AdagradStep& step) = 0;
  virtual void adadelta_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& mean_delta,
                               const AdadeltaStep& step) = 0;
  virtual void adamax_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& largest,
                             const AdamaxStep& step) = 0;
  virtual void nadam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const NadamStep& step) = 0;
  virtual void lion_update(Tensor& w, const Tensor& g, Tensor& m, const LionStep& step) = 0;
};

/// The backend that computes on the device. Throws DeviceError, with the reason, if there is none.
Backend& backend_for(Device device);

// --- CUDA plugin: libdlengine_cuda.so is opened at run time and exports one function of this type ---

/// Changes whenever Backend or a type it uses does.
inline constexpr uint32_t kBackendAbi = 11;

/// Answers with the backend, which lives until the process ends, or with null and a reason of at most
/// `capacity` bytes.
using OpenBackend = Backend* (*)(uint32_t abi, char* reason, size_t capacity);
inline constexpr const char* kOpenBackendSymbol = "dlengine_open_backend";

}  // namespace dlengine
