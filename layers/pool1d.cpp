// Pooling layers over series.
#include "dlengine/layers/pool1d.h"

#include "dlengine/core/ops/pool.h"
#include "dlengine/layers/describe.h"

namespace dlengine {

MaxPool1d::MaxPool1d(const Pool1dParams& options) : options_(checked_pool1d("MaxPool1d", options)) {}

std::string MaxPool1d::description() const { return describe_pool(options_); }

Tensor MaxPool1d::forward(const Tensor& x) { return max_pool1d(x, options_); }

Window MaxPool1d::window(const Shape&, const Shape&) const { return pool_window(options_); }

AvgPool1d::AvgPool1d(const Pool1dParams& options) : options_(checked_pool1d("AvgPool1d", options)) {}

std::string AvgPool1d::description() const { return describe_pool(options_); }

Tensor AvgPool1d::forward(const Tensor& x) { return avg_pool1d(x, options_); }

Window AvgPool1d::window(const Shape&, const Shape&) const { return pool_window(options_); }

}  // namespace dlengine
