// Rows of a table.
#include "dlengine/core/ops/embedding.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"

namespace dlengine {

namespace {

void check_embedding(const Tensor& table, const Tensor& index, int64_t padding) {
  check_operands("embedding", {&table, &index});
  check<ShapeError>(table.rank() == 2, "embedding: need a table [K, E], got {}", table.shape());
  check<DTypeError>(index.dtype() == DType::i64 || index.dtype() == DType::i32,
                    "embedding: need numbers of rows as i32 or i64, got {} (u8 samples are read as pixels; "
                    "keep tokens as i32 or i64)",
                    index.dtype());
  check<ValueError>(padding >= kNoPadding && padding < table.dim(0),
                    "embedding: there is no row {} for padding in a table {}", padding, table.shape());
}

/// The rows, named after the operation that the caller knows.
void select_rows(const Tensor& table, const Tensor& index, Tensor& y) {
  try {
    backend_for(table.device()).index_select(table, 0, index, y);
  } catch (Error& error) {
    error.add_context("embedding");
    throw;
  }
}

}  // namespace

Tensor embedding(const Tensor& table, const Tensor& index, int64_t padding) {
  check_embedding(table, index, padding);
  Tensor numbers = dense(index.to(DType::i64));
  Shape shape = index.shape();
  shape.push_back(table.dim(1));
  Tensor y = empty(shape, table.dtype(), table.device());
  Tensor rows(y.storage(), 0, {numbers.numel(), table.dim(1)}, {table.dim(1), 1}, y.dtype());
  numbers = numbers.reshape({numbers.numel()});
  select_rows(dense(table), numbers, rows);
  return record("embedding", y, {table},
                [numbers = Saved(numbers), padding](const Tensor& dy, InputGrads& dx) {
                  const Tensor& picked = numbers.get();
                  Tensor gradient = dx.buffer(0);
                  backend_for(dy.device())
                      .index_add(dense(dy).reshape({picked.numel(), dy.dim(-1)}), 0, picked, gradient);
                  if (padding != kNoPadding) gradient.select(0, padding).zero_();
                  dx.add(0, gradient);
                });
}

}  // namespace dlengine
