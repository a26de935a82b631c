// cuDNN's convolutions for the emulated device: unfold one image, then multiply matrices.
#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/emulator/libraries/cudnn_convolution.h"
#include "tests/emulator/libraries/gemm.h"
#include "tests/emulator/memory/memory.h"

namespace dlengine::emulator {

namespace {

// Calls f(place in the unfolded image, place in the image) for every pair of them that is not padding. The
// image has the channels of one group; unfolded it is [channels * filter height * filter width, y's pixels].
template <typename F>
void for_each_tap(const Convolution& c, F&& f) {
  const ConvolutionOptions& o = c.options;
  int64_t row = 0;
  for (int64_t channel = 0; channel < c.w.c; ++channel) {
    for (int64_t ky = 0; ky < c.w.h; ++ky) {
      for (int64_t kx = 0; kx < c.w.w; ++kx, ++row) {
        for (int64_t oy = 0; oy < c.y.h; ++oy) {
          const int64_t iy = oy * o.stride_h - o.pad_h + ky * o.dilation_h;
          if (iy < 0 || iy >= c.x.h) continue;
          const int64_t from = (channel * c.x.h + iy) * c.x.w, to = row * c.pixels() + oy * c.y.w;
          for (int64_t ox = 0; ox < c.y.w; ++ox) {
            const int64_t ix = ox * o.stride_w - o.pad_w + kx * o.dilation_w;
            if (ix >= 0 && ix < c.x.w) f(to + ox, from + ix);
          }
        }
      }
    }
  }
}

// The parts of one convolution that all images share.
template <typename T>
class Arithmetic {
 public:
  explicit Arithmetic(const ConvolutionWork& work)
      : work_(work), c_(work.convolution), unfolded_(static_cast<T*>(work.workspace)) {}

  void run() {
    switch (c_.direction) {
      case Direction::forward: return forward();
      case Direction::backward_data: return backward_data();
      case Direction::backward_filter: return backward_filter();
    }
  }

 private:
  // For every image and group: y [K, pixels] = w [K, taps] x [taps, pixels].
  void forward() {
    const std::vector<T> w = values(work_.w, c_.w.count());
    std::vector<T> y(size_t(filters() * c_.pixels()));
    for (int64_t part = 0; part < parts(); ++part) {
      unfold(part);
      std::fill(y.begin(), y.end(), T(0));
      gemm({filters(), c_.pixels(), c_.taps()}, w.data() + group(part) * filters() * c_.taps(), unfolded_,
           y.data());
      finish(group(part) * filters(), y);
      write(y, work_.y, part * int64_t(y.size()));
    }
  }

  // Bias and activation of the channels from `first` on.
  void finish(int64_t first, std::vector<T>& y) const {
    if (!work_.bias) return;
    std::vector<T> bias(size_t(c_.w.n), T(0));
    load(c_.element(), work_.bias, c_.w.n, bias.data());
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] += bias[size_t(first) + i / size_t(c_.pixels())];
      if (work_.relu) y[i] = y[i] > T(0) ? y[i] : T(0);
    }
  }

  // x [taps, pixels] = w^T [taps, K] y [K, pixels], folded.
  void backward_data() {
    const std::vector<T> w = values(work_.w, c_.w.count());
    std::vector<T> w_of_group(size_t(c_.taps() * filters()), T(0)), x(size_t(image()), T(0));
    for (int64_t part = 0; part < parts(); ++part) {
      transpose(filters(), c_.taps(), w.data() + group(part) * filters() * c_.taps(), w_of_group.data());
      const std::vector<T> y = values(work_.y, filters() * c_.pixels(), part);
      std::fill_n(unfolded_, c_.taps() * c_.pixels(), T(0));
      gemm({c_.taps(), c_.pixels(), filters()}, w_of_group.data(), y.data(), unfolded_);
      std::fill(x.begin(), x.end(), T(0));
      for_each_tap(
          c_, [&](int64_t of_unfolded, int64_t of_image) { x[size_t(of_image)] += unfolded_[of_unfolded]; });
      write(x, work_.x, part * image());
    }
  }

  // w^T [taps, K] = the sum over images of x [taps, pixels] y^T [pixels, K].
  void backward_filter() {
    const size_t group_size = size_t(c_.taps() * filters());
    std::vector<T> sums(group_size * size_t(c_.options.groups), T(0)),
        y_flipped(size_t(filters() * c_.pixels()));
    for (int64_t part = 0; part < parts(); ++part) {
      unfold(part);
      const std::vector<T> y = values(work_.y, filters() * c_.pixels(), part);
      transpose(filters(), c_.pixels(), y.data(), y_flipped.data());
      gemm({c_.taps(), filters(), c_.pixels()}, unfolded_, y_flipped.data(),
           sums.data() + size_t(group(part)) * group_size);
    }
    std::vector<T> w(group_size);
    for (int64_t g = 0; g < c_.options.groups; ++g) {
      transpose(c_.taps(), filters(), sums.data() + size_t(g) * group_size, w.data());
      write(w, work_.w, g * int64_t(group_size));
    }
  }

  // One part is one group of one image; both x and y lie in memory part by part.
  int64_t parts() const { return c_.x.n * c_.options.groups; }
  int64_t group(int64_t part) const { return part % c_.options.groups; }
  int64_t filters() const { return c_.w.n / c_.options.groups; }  // of one group
  int64_t image() const { return c_.w.c * c_.x.h * c_.x.w; }

  // Part number `part` of `count` elements, as the algorithm reads them.
  std::vector<T> values(const void* data, int64_t count, int64_t part = 0) const {
    std::vector<T> result(size_t(count), T(0));
    load(c_.element(), static_cast<const char*>(data) + size_t(part * count) * size_of(c_.element()), count,
         result.data());
    if constexpr (std::is_same_v<T, float>) {
      if (c_.rounds_inputs()) round_to_tf32(count, result.data());
    }
    return result;
  }

  void unfold(int64_t part) {
    const std::vector<T> x = values(work_.x, image(), part);
    std::fill_n(unfolded_, c_.taps() * c_.pixels(), T(0));
    for_each_tap(
        c_, [&](int64_t of_unfolded, int64_t of_image) { unfolded_[of_unfolded] = x[size_t(of_image)]; });
  }

  void write(const std::vector<T>& result, const void* data, int64_t first) {
    char* to = static_cast<char*>(const_cast<void*>(data)) + size_t(first) * size_of(c_.element());
    store(c_.element(), result.data(), int64_t(result.size()), work_.blend, to);
  }

  const ConvolutionWork& work_;
  const Convolution& c_;
  T* unfolded_;
};

bool touch_tensor(const ConvolutionWork& work, const void* data, const Packed4d& tensor, Direction writer) {
  const Convolution& c = work.convolution;
  constexpr const char* kNames[] = {"y", "x", "w"};  // the results of the three directions
  const std::string what = std::string(kNames[int(writer)]) + " of a cuDNN convolution";
  const bool written = c.direction == writer;
  if ((!written || work.blend.beta != 0) && !touch(data, tensor.bytes(), Access::read, what)) return false;
  return !written || touch(data, tensor.bytes(), Access::write, what);
}

}  // namespace

void run(const ConvolutionWork& work) {
  const Convolution& c = work.convolution;
  if (!touch_tensor(work, work.x, c.x, Direction::backward_data) ||
      !touch_tensor(work, work.w, c.w, Direction::backward_filter) ||
      !touch_tensor(work, work.y, c.y, Direction::forward) ||
      (work.bias && !touch(work.bias, size_t(c.y.c) * size_of(c.element()), Access::read,
                           "the bias of a cuDNN convolution")) ||
      !touch(work.workspace, c.workspace_bytes(), Access::write, "the workspace of a cuDNN convolution"))
    return;
  if (c.element() == Element::f64) return Arithmetic<double>(work).run();
  Arithmetic<float>(work).run();
}

}  // namespace dlengine::emulator
