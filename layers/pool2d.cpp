// Pooling layers.
#include "dlengine/layers/pool2d.h"

#include "dlengine/core/ops/pool.h"
#include "dlengine/core/shape_rules.h"
#include "dlengine/layers/describe.h"

namespace dlengine {
namespace {

std::string describe(const Pool2dParams& options) {
  return fmt::format("kernel {}{}{}", text(options.kernel),
                     unless_usual("stride", options.stride, options.kernel),
                     unless_usual("padding", options.padding, 0));
}

}  // namespace

MaxPool2d::MaxPool2d(const Pool2dParams& options) : options_(checked_pool2d("MaxPool2d", options)) {}

std::string MaxPool2d::description() const { return describe(options_); }

Tensor MaxPool2d::forward_with(const Ending& ending, const Tensor& x) {
  Pool2dParams params = options_;
  params.ending = ending;
  return max_pool2d(x, params);
}

AvgPool2d::AvgPool2d(const Pool2dParams& options) : options_(checked_pool2d("AvgPool2d", options)) {}

std::string AvgPool2d::description() const {
  return describe(options_) + (options_.count_include_pad ? "" : ", padding not counted");
}

Tensor AvgPool2d::forward(const Tensor& x) { return avg_pool2d(x, options_); }

Tensor GlobalAvgPool2d::forward(const Tensor& x) { return global_avg_pool2d(x); }

}  // namespace dlengine
