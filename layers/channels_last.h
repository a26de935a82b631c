// Input data with the channels behind the pixels, as image files and Keras have them.
#pragma once

#include <string_view>

#include "dlengine/layers/module.h"

namespace dlengine {

/// A view of images [N, H, W, C] as [N, C, H, W]; series [N, L, C] and volumes [N, D, H, W, C] alike. Nothing
/// is copied, and a convolution of f32 images on the CPU, which wants them in this order in memory, copies
/// nothing either. Also for whole data sets, of any type: TensorDataset(from_channels_last(images), labels).
/// Grads: x. Throws ShapeError.
Tensor from_channels_last(const Tensor& x);
/// The reverse.
Tensor to_channels_last(const Tensor& x);

/// from_channels_last() as the first layer of a network that is given such images.
class FromChannelsLast final : public Module {
 public:
  std::string_view type_name() const override { return "FromChannelsLast"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override { return from_channels_last(x); }
};

}  // namespace dlengine
