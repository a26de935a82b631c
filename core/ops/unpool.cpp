// Max pooling that tells which pixels won, and its reverse.
#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/pool.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

PooledWithIndices max_pool2d_with_indices(const Tensor& x, const Pool2dParams& options) {
  check<ValueError>(options.ending.is_none(), "max_pool2d_with_indices: the result must have no ending");
  const Tensor y = max_pool2d(x, options);
  Tensor indices = empty(y.shape(), DType::i64, x.device());
  backend_for(x.device()).max_pool2d_indices(dense(x), checked_pool2d("max_pool2d", options), indices);
  return {y, indices};
}

Tensor max_unpool2d(const Tensor& x, const Tensor& indices, Size2 size) {
  check_operands("max_unpool2d", {&x, &indices});
  check_one_floating_type("max_unpool2d", {&x});
  check<DTypeError>(indices.dtype() == DType::i64, "max_unpool2d: indices are {}, need i64", indices.dtype());
  check<ShapeError>(x.rank() == 4 && indices.shape() == x.shape(),
                    "max_unpool2d: need x [N, C, P, Q] and indices of its shape, got {} and {}", x.shape(),
                    indices.shape());
  check<ValueError>(size.h > 0 && size.w > 0, "max_unpool2d: need a size of 1 or more, got {}x{}", size.h,
                    size.w);
  const Shape images{x.dim(0), x.dim(1), size.h, size.w};
  const Tensor places = dense(indices).flatten(2), pixels = x.flatten(2);
  Tensor y = empty({images[0], images[1], size.h * size.w}, x.dtype(), x.device());
  backend_for(x.device()).check_index("max_unpool2d", IndexRole::position, places, size.h * size.w);
  backend_for(x.device()).scatter_add(dense(pixels), 2, places, y);
  return record("max_unpool2d", y, {pixels},
                [places = Saved(places)](const Tensor& dy, InputGrads& dx) {
                  Tensor gradient = dx.buffer(0);
                  backend_for(dy.device()).gather(dense(dy), 2, places.get(), gradient);
                  dx.add(0, gradient);
                })
      .reshape(images);
}

}  // namespace dlengine
