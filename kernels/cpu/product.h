// Internal: products of matrices by oneDNN, in f32 and in bf16.
#pragma once

#include <cstdint>
#include <memory>

#include "dlengine/core/half.h"
#include "dlengine/core/op_params.h"

namespace dlengine {

struct ProductPlan;

/// How the last two axes lie in memory: element (i, j) at i * step + j, or at i + j * step if transposed.
struct MatrixLayout {
  int64_t step = 0;
  bool transposed = false;
  friend bool operator==(const MatrixLayout&, const MatrixLayout&) = default;
};

/// y [m, n] = a [m, k] b [k, n], where y is row-major.
struct Product {
  int64_t m = 0, n = 0, k = 0;
  MatrixLayout a, b;
  friend bool operator==(const Product&, const Product&) = default;
};

/// Where the operands of a product are, and what else is done to it; bias [n] may be null. T: float or
/// BFloat16.
template <typename T>
struct ProductOperands {
  const T* a;
  const T* b;
  T* y;
  const T* bias = nullptr;
  Activation activation = Activation::none;
};

/// Whether this processor has instructions that multiply bf16 and add in f32 (AVX512_BF16, AMX), and
/// ONEDNN_MAX_CPU_ISA does not forbid them.
bool multiplies_bf16();

/// One product that all threads share.
template <typename T>
void launch_product(const Product& product, const ProductOperands<T>& at);

/// A product y = a b, prepared for a number of threads, to run any number of times with that team
/// (onednn::Team).
template <typename T>
class PreparedProduct {
 public:
  PreparedProduct(const Product& product, int threads);
  void operator()(const ProductOperands<T>& at) const;

 private:
  std::shared_ptr<const ProductPlan> plan_;
};

}  // namespace dlengine
