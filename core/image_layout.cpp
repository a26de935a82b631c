// Images that lie channels-last.
#include "dlengine/core/image_layout.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"

namespace dlengine {

ImageLayout layout_of(const Tensor& x) {
  if (x.rank() != 4) return ImageLayout::row_major;
  const bool channels_last = lies_in(ImageLayout::channels_last, x) && !x.is_contiguous();
  return channels_last ? convolution_layout(x.dtype(), x.device()) : ImageLayout::row_major;
}

ImageLayout convolution_layout(DType dtype, Device device) {
  return backend_for(device).wants_channels_last(dtype) ? ImageLayout::channels_last : ImageLayout::row_major;
}

bool lies_in(ImageLayout layout, const Tensor& x) {
  return layout == ImageLayout::channels_last ? is_channels_last(x.shape(), x.strides()) : x.is_contiguous();
}

Tensor empty(const Shape& shape, DType dtype, Device device, ImageLayout layout) {
  Tensor y = empty(shape, dtype, device);
  if (layout == ImageLayout::channels_last) y.impl()->strides = channels_last_strides(shape);
  return y;
}

Tensor dense(const Tensor& x, ImageLayout layout) {
  if (lies_in(layout, x)) return x;
  Tensor y = empty(x.shape(), x.dtype(), x.device(), layout);
  backend_for(x.device()).copy(x, y);
  return y;
}

}  // namespace dlengine
