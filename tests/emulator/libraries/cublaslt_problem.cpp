// What cuBLASLt refuses, and what nobody should ask of it.
#include "tests/emulator/libraries/cublaslt_problem.h"

#include <fmt/format.h>

#include <algorithm>

namespace dlengine::emulator {

namespace {

struct TypeSet {
  int32_t compute, scale, data;
};
constexpr TypeSet kTypeSets[] = {{CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16F},
                                 {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF},
                                 {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F},
                                 {CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F, CUDA_R_32F},
                                 {CUBLAS_COMPUTE_64F, CUDA_R_64F, CUDA_R_64F}};

cublasStatus_t invalid(std::string_view kind, const std::string& text) {
  return refuse(CUBLAS_STATUS_INVALID_VALUE, kind, text);
}
cublasStatus_t not_implemented(const std::string& text) {
  return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kind::kNotEmulated, text);
}

constexpr uint32_t kEpilogues[] = {CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_RELU,
                                   CUBLASLT_EPILOGUE_BIAS,    CUBLASLT_EPILOGUE_RELU_BIAS,
                                   CUBLASLT_EPILOGUE_BGRADA,  CUBLASLT_EPILOGUE_BGRADB};

bool is_plain_or_transposed(int32_t operation) {
  return operation == CUBLAS_OP_N || operation == CUBLAS_OP_T;
}

cublasStatus_t check_types(const LtProblem& p) {
  const LtOperation& o = p.operation;
  const bool known = std::any_of(std::begin(kTypeSets), std::end(kTypeSets), [&](const TypeSet& set) {
    return set.compute == o.compute && set.scale == o.scale && set.data == p.a.type;
  });
  if (!known) return not_implemented(fmt::format("compute type {} on data type {}", o.compute, p.a.type));
  if (p.b.type != p.a.type || p.c.type != p.a.type || p.d.type != p.a.type)
    return not_implemented("matrices of different types");
  if (!is_plain_or_transposed(o.transpose_a) || !is_plain_or_transposed(o.transpose_b))
    return not_implemented("an operation other than none and transpose");
  if (std::find(std::begin(kEpilogues), std::end(kEpilogues), o.epilogue) == std::end(kEpilogues))
    return not_implemented(fmt::format("epilogue {}", o.epilogue));
  if (p.writes_bias() && p.d.batch != 1) return not_implemented("the bias's gradient of a batch");
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t check_layout(const char* name, const LtLayout& layout) {
  if (layout.rows == 0 || layout.columns == 0 || layout.batch < 1)
    return invalid(kind::kWrongShape, fmt::format("{} is empty", name));
  if (layout.leading < int64_t(layout.rows)) {
    return invalid(kind::kLeadingDimension, fmt::format("{} has leading dimension {}, less than its {} rows",
                                                        name, layout.leading, layout.rows));
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t check_shapes(const LtProblem& p) {
  const bool plain_a = p.operation.transpose_a == CUBLAS_OP_N,
             plain_b = p.operation.transpose_b == CUBLAS_OP_N;
  const uint64_t m = plain_a ? p.a.rows : p.a.columns, k = plain_a ? p.a.columns : p.a.rows;
  const uint64_t k_of_b = plain_b ? p.b.rows : p.b.columns, n = plain_b ? p.b.columns : p.b.rows;
  if (k != k_of_b || p.d.rows != m || p.d.columns != n || p.c.rows != m || p.c.columns != n) {
    return invalid(kind::kWrongShape,
                   fmt::format("op(A) [{}, {}] op(B) [{}, {}] with C [{}, {}] and D [{}, {}]", m, k, k_of_b,
                               n, p.c.rows, p.c.columns, p.d.rows, p.d.columns));
  }
  if (p.a.batch != p.d.batch || p.b.batch != p.d.batch || p.c.batch != p.d.batch)
    return invalid(kind::kWrongShape, "the matrices have batches of different sizes");
  const uint64_t one_matrix = uint64_t(p.d.leading) * (p.d.columns - 1) + p.d.rows;
  if (p.d.batch > 1 && p.d.batch_step < int64_t(one_matrix))
    return invalid(kind::kOverlap, fmt::format("the batch's results, {} apart, overlap", p.d.batch_step));
  return CUBLAS_STATUS_SUCCESS;
}

struct Range {
  const char *begin, *end;
};

Range column(const LtLayout& layout, size_t bytes, const void* data, int64_t index) {
  const int64_t batch = index / int64_t(layout.columns), j = index % int64_t(layout.columns);
  const char* begin =
      static_cast<const char*>(data) + size_t(batch * layout.batch_step + j * layout.leading) * bytes;
  return {begin, begin + layout.rows * bytes};
}

bool overlap(const Range& a, const Range& b) { return a.begin < b.end && b.begin < a.end; }

struct Operand {
  const LtLayout& layout;
  const void* data;
};

// Whether two operands have a byte in common. Column by column only if their extents do.
bool share_memory(Element element, const Operand& x, const Operand& y) {
  const auto* x_begin = static_cast<const char*>(x.data);
  const auto* y_begin = static_cast<const char*>(y.data);
  if (!overlap({x_begin, x_begin + extent(x.layout, element)},
               {y_begin, y_begin + extent(y.layout, element)}))
    return false;
  const int64_t x_columns = x.layout.batch * int64_t(x.layout.columns);
  const int64_t y_columns = y.layout.batch * int64_t(y.layout.columns);
  for (int64_t i = 0; i < x_columns; ++i) {
    const Range of_x = column(x.layout, size_of(element), x.data, i);
    for (int64_t j = 0; j < y_columns; ++j) {
      if (overlap(of_x, column(y.layout, size_of(element), y.data, j))) return true;
    }
  }
  return false;
}

cublasStatus_t check_overlaps(const LtProblem& p, const LtData& data, bool reads_c) {
  const Element element = p.element();
  const Operand a{p.a, data.a}, b{p.b, data.b}, c{p.c, data.c}, d{p.d, data.d};
  if (share_memory(element, a, d)) return invalid(kind::kOverlap, "D overlaps A");
  if (share_memory(element, b, d)) return invalid(kind::kOverlap, "D overlaps B");
  const LtLayout bias_layout = p.bias_layout();
  const Operand bias{bias_layout, data.bias};
  if (data.bias && share_memory(element, bias, d)) return invalid(kind::kOverlap, "D overlaps the bias");
  if (p.writes_bias() && (share_memory(element, bias, a) || share_memory(element, bias, b)))
    return invalid(kind::kOverlap, "the bias's gradient overlaps A or B");
  const bool in_place = data.c == data.d && p.c.leading == p.d.leading && p.c.batch_step == p.d.batch_step;
  if (reads_c && !in_place && share_memory(element, c, d))
    return invalid(kind::kOverlap, "D overlaps C without being C");
  return CUBLAS_STATUS_SUCCESS;
}

void mix(uint64_t& hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 29;
}

}  // namespace

Element LtProblem::element() const {
  if (a.type == CUDA_R_64F) return Element::f64;
  if (a.type == CUDA_R_32F) return Element::f32;
  return a.type == CUDA_R_16F ? Element::f16 : Element::bf16;
}

LtLayout LtProblem::bias_layout() const {
  const uint64_t length = sums_b() ? d.columns : d.rows;
  return {.type = d.type, .rows = length, .columns = 1, .leading = int64_t(length)};
}

uint64_t LtProblem::fingerprint() const {
  uint64_t hash = 0;
  for (const int64_t value : {operation.compute, operation.transpose_a, operation.transpose_b})
    mix(hash, value);
  mix(hash, operation.epilogue);
  for (const LtLayout* layout : {&a, &b, &c, &d}) {
    mix(hash, uint64_t(layout->type));
    mix(hash, layout->rows);
    mix(hash, layout->columns);
    mix(hash, uint64_t(layout->leading));
    mix(hash, uint64_t(layout->batch));
    mix(hash, uint64_t(layout->batch_step));
  }
  return hash;
}

cublasStatus_t read_problem(const LtDescriptors& from, LtProblem& problem) {
  if (!read_descriptor(from.operation, "the operation", problem.operation) ||
      !read_descriptor(from.a, "the layout of A", problem.a) ||
      !read_descriptor(from.b, "the layout of B", problem.b) ||
      !read_descriptor(from.c, "the layout of C", problem.c) ||
      !read_descriptor(from.d, "the layout of D", problem.d))
    return CUBLAS_STATUS_INVALID_VALUE;
  cublasStatus_t status = check_types(problem);
  if (status == CUBLAS_STATUS_SUCCESS) status = check_layout("A", problem.a);
  if (status == CUBLAS_STATUS_SUCCESS) status = check_layout("B", problem.b);
  if (status == CUBLAS_STATUS_SUCCESS) status = check_layout("C", problem.c);
  if (status == CUBLAS_STATUS_SUCCESS) status = check_layout("D", problem.d);
  if (status == CUBLAS_STATUS_SUCCESS) status = check_shapes(problem);
  return status;
}

cublasStatus_t check_data(const LtProblem& problem, const LtAlgorithm& algorithm, const LtData& data,
                          bool reads_c) {
  if (problem.with_bias() && !data.bias)
    return invalid(kind::kInvalidArgument, "the epilogue has a bias, but the bias pointer is not set");
  if (!data.a || !data.b || !data.d || (reads_c && !data.c))
    return invalid(kind::kInvalidArgument, "a matrix is null");
  const void* addresses[] = {data.a, data.b, reads_c ? data.c : nullptr, data.d, data.bias};
  constexpr const char* kNames[] = {"A", "B", "C", "D", "the bias"};
  for (int i = 0; i < 5; ++i) {
    if (alignment_of(addresses[i]) < algorithm.alignment[i]) {
      return invalid(kind::kMisalignedOperand,
                     fmt::format("{} is not aligned to {} bytes, as its algorithm asks", kNames[i],
                                 algorithm.alignment[i]));
    }
  }
  return check_overlaps(problem, data, reads_c);
}

uint32_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<uintptr_t>(address) | 16;
  return uint32_t(bits & (~bits + 1));
}

size_t extent(const LtLayout& layout, Element element) {
  const int64_t last_matrix = std::max<int64_t>(0, (layout.batch - 1) * layout.batch_step);
  return size_t(last_matrix + int64_t(layout.columns - 1) * layout.leading + int64_t(layout.rows)) *
         size_of(element);
}

}  // namespace dlengine::emulator
