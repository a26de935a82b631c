// The first layer of a network of images: pixels with mean 0 and deviation 1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dlengine/layers/module.h"

namespace dlengine {

/// y = (x - mean) / std for each channel of x [N, C, ...], with fixed numbers, as those of
/// channel_statistics() (data/channel_statistics.h). torchvision's Normalize, Keras's Normalization; as a
/// layer it is saved with the weights and computed on the device. Buffers: mean [C], std [C], of the type of
/// x.
class Normalize final : public Module {
 public:
  /// Throws ValueError unless there are as many deviations as means, one or more, all above 0.
  Normalize(const std::vector<double>& mean, const std::vector<double>& std);
  std::string_view type_name() const override { return "Normalize"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  /// Throws ShapeError for another number of channels, DTypeError for another type.
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;
  void build() override;

 private:
  void make(DType dtype, Device device);

  std::vector<double> means_, deviations_;
  Tensor mean_, std_;
};

}  // namespace dlengine
