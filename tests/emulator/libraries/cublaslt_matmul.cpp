// cuBLASLt's product for the emulated device: what it touches, and its arithmetic.
#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "tests/emulator/libraries/cublaslt_problem.h"
#include "tests/emulator/libraries/gemm.h"
#include "tests/emulator/memory/memory.h"

namespace dlengine::emulator {

namespace {

// Row j of the memory of one matrix is its column j.
const char* column(const LtLayout& layout, Element element, const void* data, int64_t batch, int64_t j) {
  return static_cast<const char*>(data) +
         (batch * layout.batch_step + j * layout.leading) * int64_t(size_of(element));
}

// Gaps between columns and between matrices are nobody's business, so they are left out.
bool touch_matrix(const LtWork& work, const LtLayout& layout, const void* data, Access access,
                  const char* name) {
  const Element element = work.problem.element();
  const std::string what = std::string(name) + " of cublasLtMatmul";
  const bool dense = layout.leading == int64_t(layout.rows);
  const int64_t batches = layout.batch_step == 0 ? 1 : layout.batch;
  const int64_t pieces = dense ? 1 : int64_t(layout.columns);
  const size_t bytes = layout.rows * (dense ? layout.columns : 1) * size_of(element);
  for (int64_t batch = 0; batch < batches; ++batch) {
    for (int64_t j = 0; j < pieces; ++j) {
      if (!touch(column(layout, element, data, batch, j), bytes, access, what)) return false;
    }
  }
  return true;
}

bool touch_all(const LtWork& work) {
  const LtProblem& p = work.problem;
  if (!touch_matrix(work, p.a, work.data.a, Access::read, "A")) return false;
  if (!touch_matrix(work, p.b, work.data.b, Access::read, "B")) return false;
  if (work.blend.beta != 0 && !touch_matrix(work, p.c, work.data.c, Access::read, "C")) return false;
  const Access to_bias = p.writes_bias() ? Access::write : Access::read;
  if (p.with_bias() && !touch_matrix(work, p.bias_layout(), work.data.bias, to_bias, "the bias"))
    return false;
  if (work.workspace_bytes != 0 &&
      !touch(work.workspace, work.workspace_bytes, Access::write, "the workspace of cublasLtMatmul"))
    return false;
  return touch_matrix(work, p.d, work.data.d, Access::write, "D");
}

// One matrix of the batch, its columns as dense rows, or its rows if it is to be transposed.
template <typename T>
std::vector<T> load_matrix(const LtProblem& p, const LtLayout& layout, const void* data, int64_t batch,
                           bool transposed) {
  const auto rows = int64_t(layout.rows), columns = int64_t(layout.columns);
  std::vector<T> values(size_t(rows * columns));
  for (int64_t j = 0; j < columns; ++j)
    load(p.element(), column(layout, p.element(), data, batch, j), rows, values.data() + j * rows);
  if constexpr (std::is_same_v<T, float>) {
    if (p.operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32) round_to_tf32(rows * columns, values.data());
  }
  if (!transposed) return values;
  std::vector<T> flipped(values.size());
  transpose(columns, rows, values.data(), flipped.data());
  return flipped;
}

// op(A)^T [k, m] and op(B)^T [n, k], in rows.
template <typename T>
struct Factors {
  const T *a, *b;
};

// The sums over k of op(A) or of op(B).
template <typename T>
void sum_into_bias(const LtProblem& p, const Factors<T>& of, void* bias) {
  const auto m = int64_t(p.d.rows), n = int64_t(p.d.columns), k = p.depth();
  std::vector<T> sums(size_t(p.sums_b() ? n : m), T(0));
  for (int64_t l = 0; l < k; ++l) {
    for (int64_t i = 0; i < int64_t(sums.size()); ++i)
      sums[size_t(i)] += p.sums_b() ? of.b[i * k + l] : of.a[l * m + i];
  }
  store(p.element(), sums.data(), int64_t(sums.size()), Blend{}, bias);
}

// In rows: D^T = op(B)^T op(A)^T.
template <typename T>
void compute_one(const LtWork& work, int64_t batch, T* sums) {
  const LtProblem& p = work.problem;
  const auto m = int64_t(p.d.rows), n = int64_t(p.d.columns);
  const auto a = load_matrix<T>(p, p.a, work.data.a, batch, p.operation.transpose_a == CUBLAS_OP_T);
  const auto b = load_matrix<T>(p, p.b, work.data.b, batch, p.operation.transpose_b == CUBLAS_OP_T);
  std::fill_n(sums, m * n, T(0));
  gemm({n, m, p.depth()}, b.data(), a.data(), sums);
  if (p.writes_bias()) sum_into_bias<T>(p, {a.data(), b.data()}, const_cast<void*>(work.data.bias));
  std::vector<T> bias(size_t(m), T(0));
  if (p.adds_bias()) load(p.element(), work.data.bias, m, bias.data());
  for (int64_t j = 0; j < n; ++j) {
    char* to = const_cast<char*>(column(p.d, p.element(), work.data.d, batch, j));
    std::vector<T> values(size_t(m), T(0));
    if (work.blend.beta != 0)
      load(p.element(), column(p.c, p.element(), work.data.c, batch, j), m, values.data());
    for (int64_t i = 0; i < m; ++i) {
      values[size_t(i)] =
          T(work.blend.alpha) * sums[j * m + i] + T(work.blend.beta) * values[size_t(i)] + bias[size_t(i)];
      // As the real one, which makes 0 of a NaN.
      if (p.applies_relu() && !(values[size_t(i)] > T(0))) values[size_t(i)] = T(0);
    }
    store(p.element(), values.data(), m, Blend{}, to);
  }
}

template <typename T>
void compute(const LtWork& work) {
  const LtProblem& p = work.problem;
  std::vector<T> own;
  if (work.workspace_bytes == 0) own.resize(p.d.rows * p.d.columns);
  T* sums = own.empty() ? static_cast<T*>(work.workspace) : own.data();
  for (int64_t batch = 0; batch < p.d.batch; ++batch) compute_one(work, batch, sums);
}

}  // namespace

void run(const LtWork& work) {
  if (!touch_all(work)) return;
  if (work.problem.element() == Element::f64) return compute<double>(work);
  compute<float>(work);
}

}  // namespace dlengine::emulator
