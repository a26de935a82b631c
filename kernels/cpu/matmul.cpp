// Matrix products: oneDNN for f32 and, where the processor multiplies it, bf16; else f32 computes for the
// 16-bit types. Loops for f64.
#include <algorithm>
#include <cstring>

#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/fold.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/onednn.h"
#include "dlengine/kernels/cpu/product.h"
#include "dlengine/kernels/strided.h"

namespace dlengine {

namespace {

MatrixLayout layout_of(const Tensor& x) {
  const int64_t rows = x.dim(-2), columns = x.dim(-1);
  const int64_t row_step = x.strides()[x.rank() - 2], column_step = x.strides().back();
  if ((column_step == 1 || columns == 1) && (row_step >= columns || rows == 1)) {
    return {std::max(row_step, columns), false};
  }
  return {std::max(column_step, rows), true};
}

// --- f32 ---

using Operands = ProductOperands<float>;

/// Multiplications for which a vendor's call would take longer to start than to compute.
constexpr int64_t kTinyProduct = 2048;

/// y = activation(a b + bias), a row of y at a time.
void multiply_tiny(const Product& p, const Operands& at) {
  const int64_t a_row = p.a.transposed ? 1 : p.a.step, a_column = p.a.transposed ? p.a.step : 1;
  for (int64_t i = 0; i < p.m; ++i) {
    const float* a = at.a + i * a_row;
    float* y = at.y + i * p.n;
    for (int64_t j = 0; j < p.n; ++j) y[j] = at.bias ? at.bias[j] : 0.0f;
    if (p.b.transposed) {
      for (int64_t j = 0; j < p.n; ++j) {
        const float* b = at.b + j * p.b.step;
        y[j] += fold<SumFold, float>(0, p.k, [=](int64_t k) { return a[k * a_column] * b[k]; });
      }
    } else {
      for (int64_t k = 0; k < p.k; ++k) {
        for (int64_t j = 0; j < p.n; ++j) y[j] += a[k * a_column] * at.b[k * p.b.step + j];
      }
    }
    if (at.activation == Activation::relu) {
      for (int64_t j = 0; j < p.n; ++j) y[j] = Relu::value(y[j]);
    }
  }
}

/// Results first .. last-1 of the one row y = activation(a b + bias), with b transposed: at the speed of
/// memory, as b is read once, a few rows side by side.
DLENGINE_VECTORIZED void multiply_row(const Product& p, const Operands& at, int64_t first, int64_t last) {
  constexpr int kRows = 4, kWidth = 8, kParts = 2, kLanes = kWidth * kParts;
  // Vectors by name, as the compiler would choose narrower ones. Twice as wide they would be no faster, since
  // memory sets the speed, and AVX2 has none of that width.
  typedef float Lanes __attribute__((vector_size(kWidth * 4)));
  typedef float Unaligned __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));
  for (int64_t j = first; j < last; j += kRows) {
    const int rows = int(std::min<int64_t>(kRows, last - j));
    const float* b[kRows];
    for (int row = 0; row < kRows; ++row) b[row] = at.b + (j + std::min(row, rows - 1)) * p.b.step;
    Lanes lanes[kRows][kParts] = {};
    int64_t i = 0;
    for (; i + kLanes <= p.k; i += kLanes) {
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        const int64_t at_part = i + part * kWidth;
        const Lanes a = *reinterpret_cast<const Unaligned*>(at.a + at_part);
#pragma GCC unroll 4
        for (int row = 0; row < kRows; ++row) {
          lanes[row][part] += a * *reinterpret_cast<const Unaligned*>(b[row] + at_part);
        }
      }
    }
    for (int row = 0; row < rows; ++row) {
      float sums[kLanes], rest = 0;
      std::memcpy(sums, lanes[row], sizeof(sums));
      for (int64_t tail = i; tail < p.k; ++tail) rest += at.a[tail] * b[row][tail];
      for (int width = kLanes / 2; width > 0; width /= 2) {
        for (int lane = 0; lane < width; ++lane) sums[lane] += sums[lane + width];
      }
      float y = sums[0] + rest;
      if (at.bias) y += at.bias[j + row];
      at.y[j + row] = at.activation == Activation::relu ? Relu::value(y) : y;
    }
  }
}

void launch_one(const Product& product, const Operands& at) {
  const bool one_row =
      product.m == 1 && product.b.transposed && (!product.a.transposed || product.a.step == 1);
  if (one_row) {
    return launch_for(product.n, std::max<int64_t>(1, kGrain / product.k),
                      [=](int64_t first, int64_t last) { multiply_row(product, at, first, last); });
  }
  if (product.m * product.n * product.k > kTinyProduct) return launch_product(product, at);
  launch([product, at] { multiply_tiny(product, at); });
}

void launch_one(const Product& product, const ProductOperands<BFloat16>& at) { launch_product(product, at); }

using BatchWalk = StridedWalk<3>;  // of y, a and b

/// x without its last two axes.
Tensor batch_axes(const Tensor& x) {
  Shape shape = x.shape();
  shape[shape.rank() - 1] = shape[shape.rank() - 2] = 1;
  return {x.storage(), x.offset(), shape, x.strides(), x.dtype()};
}

BatchWalk batches_of(const Tensor& a, const Tensor& b, const Tensor& y) {
  const Tensor a_batch = batch_axes(a), b_batch = batch_axes(b), y_batch = batch_axes(y);
  return BatchWalk({&y_batch, &a_batch, &b_batch});
}

/// Launches f(number of a's, b's and y's first element) for every batch, in parallel if asked to.
template <typename F>
void launch_batches(const BatchWalk& batches, int64_t grain, F f) {
  launch_for(batches.count, grain, [batches, f](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t at[3];
      batches.offsets(i, at);
      f(at[1], at[2], at[0]);
    }
  });
}

/// In f32 or bf16.
template <typename T>
void multiply(Product product, const BatchWalk& batches, const T* a, const T* b, T* y) {
  // Several a that follow each other and share one b are one tall matrix.
  const bool tall = batches.rank == 1 && batches.stride[2][0] == 0 && !product.a.transposed &&
                    batches.stride[1][0] == product.m * product.a.step;
  if (tall) product.m *= batches.count;
  if (tall || batches.count == 1) return launch_one(product, {a, b, y});

  // Either the threads share each product, or each thread computes products of its own.
  const int all = onednn::team_size();
  const bool own = batches.count >= all;
  const int threads = own ? 1 : all;
  const int64_t grain =
      own ? std::max<int64_t>(1, 2 * kGrain / (product.m * product.n * product.k)) : batches.count;
  launch_batches(
      batches, grain,
      [=, prepared = PreparedProduct<T>(product, threads)](int64_t a_at, int64_t b_at, int64_t y_at) {
        const onednn::Team team(threads);
        prepared({a + a_at, b + b_at, y + y_at});
      });
}

// --- f64 ---

/// y[j] += the sum over `rows` rows of b, each times its factor.
DLENGINE_VECTORIZED void add_rows(const double* factors, int64_t factor_step, const double* __restrict b,
                                  int64_t rows, int64_t n, double* __restrict y) {
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {  // four at a time, so that y is read and written less often
    const double f0 = factors[i * factor_step], f1 = factors[(i + 1) * factor_step];
    const double f2 = factors[(i + 2) * factor_step], f3 = factors[(i + 3) * factor_step];
    const double *b0 = b + i * n, *b1 = b0 + n, *b2 = b1 + n, *b3 = b2 + n;
    for (int64_t j = 0; j < n; ++j) y[j] += (f0 * b0[j] + f1 * b1[j]) + (f2 * b2[j] + f3 * b3[j]);
  }
  for (; i < rows; ++i) {
    const double factor = factors[i * factor_step];
    for (int64_t j = 0; j < n; ++j) y[j] += factor * b[i * n + j];
  }
}

/// b is row-major. Rows of b are taken in blocks that stay in the cache while all rows of y pass.
void multiply_one_f64(const Product& p, const double* a, const double* b, double* y) {
  constexpr int64_t kBlock = 64;
  const int64_t row_step = p.a.transposed ? 1 : p.a.step, column_step = p.a.transposed ? p.a.step : 1;
  parallel_for(p.m, std::max<int64_t>(1, kGrain / (p.n * p.k)), [&](int64_t begin, int64_t end) {
    std::fill(y + begin * p.n, y + end * p.n, 0.0);
    for (int64_t k = 0; k < p.k; k += kBlock) {
      for (int64_t i = begin; i < end; ++i) {
        add_rows(a + i * row_step + k * column_step, column_step, b + k * p.n, std::min(kBlock, p.k - k), p.n,
                 y + i * p.n);
      }
    }
  });
}

void multiply_f64(const Product& p, const BatchWalk& batches, const double* a, const double* b, double* y) {
  const bool dense = !p.b.transposed && p.b.step == p.n;
  const Scratch packed(dense ? 0 : size_t(p.k * p.n) * sizeof(double));
  launch_batches(batches, batches.count,
                 [=, rows = packed.as<double>()](int64_t a_at, int64_t b_at, int64_t y_at) {
                   const double* from = b + b_at;
                   for (int64_t k = 0; !dense && k < p.k; ++k) {
                     for (int64_t j = 0; j < p.n; ++j) {
                       rows[k * p.n + j] = p.b.transposed ? from[k + j * p.b.step] : from[k * p.b.step + j];
                     }
                   }
                   multiply_one_f64(p, a + a_at, dense ? from : rows, y + y_at);
                 });
}

// --- Layers ---

template <typename T>
ProductOperands<T> operands(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
                            Tensor& y) {
  return {x.data<T>(), weight.data<T>(), y.data<T>(), bias.defined() ? bias.data<T>() : nullptr, activation};
}

}  // namespace

void CpuBackend::matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.numel() == 0) return;
  if (a.dim(-1) == 0) return fill(y, 0);
  const bool bf16 = y.dtype() == DType::bf16 && multiplies_bf16();
  if (is_narrow(y.dtype()) && !bf16) {
    Tensor wide = wide_like(y);
    matmul(widened(a), widened(b), wide);
    return copy(wide, y);
  }
  const Product product{a.dim(-2), b.dim(-1), a.dim(-1), layout_of(a), layout_of(b)};
  const BatchWalk batches = batches_of(a, b, y);
  if (y.dtype() == DType::f64) {
    return multiply_f64(product, batches, a.data<double>(), b.data<double>(), y.data<double>());
  }
  onednn::call("matmul", [&] {
    if (bf16) return multiply(product, batches, a.data<BFloat16>(), b.data<BFloat16>(), y.data<BFloat16>());
    multiply(product, batches, a.data<float>(), b.data<float>(), y.data<float>());
  });
}

void CpuBackend::linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation,
                        Tensor& y) {
  const int64_t rows = x.dim(0), inputs = x.dim(1), outputs = weight.dim(0);
  if (y.numel() == 0) return;
  const bool bf16 = y.dtype() == DType::bf16 && multiplies_bf16();
  if (is_narrow(y.dtype()) && !bf16) {
    Tensor wide = wide_like(y);
    linear(widened(x), widened(weight), widened(bias), activation, wide);
    return copy(wide, y);
  }
  if (y.dtype() != DType::f64 && inputs > 0) {
    return onednn::call("linear", [&] {
      const Product product{rows, outputs, inputs, {inputs, false}, {inputs, true}};
      if (bf16) return launch_one(product, operands<BFloat16>(x, weight, bias, activation, y));
      launch_one(product, operands<float>(x, weight, bias, activation, y));
    });
  }
  matmul(x, Tensor(weight.storage(), weight.offset(), {inputs, outputs}, {1, inputs}, weight.dtype()), y);
  if (bias.defined()) {
    binary(BinaryOp::add, y, Tensor(bias.storage(), bias.offset(), y.shape(), {0, 1}, bias.dtype()), y);
  }
  if (activation == Activation::relu) unary(UnaryOp::relu, y, y);
}

void CpuBackend::linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, LinearGrads& grads) {
  const int64_t rows = dy.dim(0), outputs = dy.dim(1);
  if (grads.dx.defined()) matmul(dy, weight, grads.dx);
  if (grads.dx.defined() && grads.mask_scale != 0) relu_grad(x, grads.dx, grads.mask_scale, grads.dx);
  if (grads.dweight.defined()) {
    matmul(Tensor(dy.storage(), dy.offset(), {outputs, rows}, {1, outputs}, dy.dtype()), x, grads.dweight);
  }
  if (grads.dbias.defined()) {
    Tensor row(grads.dbias.storage(), grads.dbias.offset(), {1, outputs}, {outputs, 1}, dy.dtype());
    reduce(ReduceOp::sum, dy, row);
  }
}

}  // namespace dlengine
