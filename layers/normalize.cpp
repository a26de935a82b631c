// Two operations that broadcast a number for each channel.
#include "dlengine/layers/normalize.h"

#include <algorithm>
#include <cmath>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"

namespace dlengine {

namespace {

/// A number for each channel, beside x [N, C, ...].
Tensor beside(const Tensor& x, const Tensor& numbers) {
  Shape shape = {numbers.dim(0)};
  for (int axis = 2; axis < x.rank(); ++axis) shape.push_back(1);
  return numbers.reshape(shape);
}

}  // namespace

Normalize::Normalize(const std::vector<double>& mean, const std::vector<double>& std)
    : means_(mean), deviations_(std) {
  const auto finite = [](double number) { return std::isfinite(number); };
  const bool positive =
      std::ranges::all_of(std, [&](double deviation) { return finite(deviation) && deviation > 0; });
  check<ValueError>(
      !mean.empty() && mean.size() == std.size() && positive && std::ranges::all_of(mean, finite),
      "Normalize: need a mean and a deviation above 0 for each channel, got [{}] and [{}]",
      fmt::join(mean, ", "), fmt::join(std, ", "));
}

std::string Normalize::description() const { return fmt::format("{} channels", means_.size()); }

void Normalize::make(DType dtype, Device device) {
  const Shape shape = {std::ssize(means_)};
  mean_ = from_vector(means_, shape).to(dtype).to(device);
  std_ = from_vector(deviations_, shape).to(dtype).to(device);
}

void Normalize::build() {
  if (!mean_.defined()) make(DType::f32, kCpu);
}

Tensor Normalize::forward(const Tensor& x) {
  const int64_t channels = std::ssize(means_);
  check<ShapeError>(x.rank() >= 2 && x.dim(1) == channels, "Normalize: need x [N, {}, ...], got {}", channels,
                    x.shape());
  check<DTypeError>(is_floating(x.dtype()), "Normalize: need floating x, got {}", x.dtype());
  if (!mean_.defined()) make(x.dtype(), x.device());
  check<DTypeError>(x.dtype() == mean_.dtype(), "Normalize: x is {}, but mean and std are {}", x.dtype(),
                    mean_.dtype());
  return (x - beside(x, mean_)) / beside(x, std_);
}

void Normalize::visit(ModuleVisitor& visitor) {
  visitor.buffer("mean", mean_);
  visitor.buffer("std", std_);
}

}  // namespace dlengine
