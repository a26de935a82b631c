// Tensors as they come in real programs: views at an offset, with gaps, transposed, repeated.
#pragma once

#include <string_view>
#include <vector>

#include "tests/support/ndarray.h"

namespace dlengine::test {

enum class Layout : uint8_t {
  contiguous,
  shifted,        // contiguous, but five elements into its storage, so not aligned
  transposed,     // the first axis is the fastest
  stepped,        // an offset, and gaps between all elements
  broadcast,      // stride 0 along the first axis, so the values along it are equal
  channels_last,  // images [N, C, H, W] in the order [N, H, W, C], five elements into their storage
};
inline constexpr int kLayouts = 5;  // for any shape: all but the last

std::string_view name(Layout layout);

/// A view with the elements of x inside of a larger storage; the elements around are NaN (integers: 77), so
/// that reading them shows in the result.
class GuardedTensor {
 public:
  GuardedTensor(const NdArray& x, DType dtype, Device device, Layout layout);
  const Tensor& view() const { return view_; }
  /// False if an element around the view, or of the view, has changed since.
  bool untouched() const;
  /// False if an element around the view has changed since.
  bool surroundings_untouched() const;

 private:
  Tensor base_;
  Tensor view_;
  std::vector<double> before_;  // all of the storage
  std::vector<bool> inside_;    // positions of the view
};

/// What the layout makes of the values: equal along the first axis for broadcast, else x.
NdArray with_layout(const NdArray& x, Layout layout);

}  // namespace dlengine::test
