// Pooling layers over volumes.
#include "dlengine/layers/pool3d.h"

#include "dlengine/core/ops/pool.h"
#include "dlengine/layers/describe.h"

namespace dlengine {

MaxPool3d::MaxPool3d(const Pool3dParams& options) : options_(checked_pool3d("MaxPool3d", options)) {}

std::string MaxPool3d::description() const { return describe_pool(options_); }

Tensor MaxPool3d::forward(const Tensor& x) { return max_pool3d(x, options_); }

Window MaxPool3d::window(const Shape&, const Shape&) const { return pool_window(options_); }

AvgPool3d::AvgPool3d(const Pool3dParams& options) : options_(checked_pool3d("AvgPool3d", options)) {}

std::string AvgPool3d::description() const { return describe_pool(options_); }

Tensor AvgPool3d::forward(const Tensor& x) { return avg_pool3d(x, options_); }

Window AvgPool3d::window(const Shape&, const Shape&) const { return pool_window(options_); }

}  // namespace dlengine
