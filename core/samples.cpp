// Labelled samples as tensors.
#include "dlengine/core/samples.h"

#include "dlengine/core/factory.h"

namespace dlengine {

namespace {

Tensor empty_rows(const Tensor& all, DType dtype, int64_t rows) {
  Shape shape = all.shape();
  shape[0] = rows;
  return empty(shape, dtype, all.device());
}

}  // namespace

Samples empty_batch(const Samples& all, int64_t size) {
  const DType x_type = all.x.dtype() == DType::u8 ? DType::f32 : all.x.dtype();
  return {empty_rows(all.x, x_type, size), empty_rows(all.y, all.y.dtype(), size)};
}

int64_t row_bytes(const Tensor& all) {
  Shape row = all.shape();
  row[0] = 1;
  return row.product() * static_cast<int64_t>(size_of(all.dtype()));
}

}  // namespace dlengine
