// Tensors as text, like NumPy's.
#include <algorithm>
#include <string>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

namespace {

constexpr int64_t kMostElements = 1000;  // beyond this, only the edges of each axis are shown
constexpr int64_t kEdge = 3;

class Printer {
 public:
  explicit Printer(const Tensor& tensor)
      : shape_(tensor.shape()),
        strides_(contiguous_strides(shape_)),
        shorten_(tensor.numel() > kMostElements) {
    if (is_floating(tensor.dtype())) {
      floating_ = tensor.to_vector<double>();
    } else {
      whole_ = tensor.to_vector<int64_t>();
    }
    boolean_ = tensor.dtype() == DType::boolean;
    measure(0, 0);
    print(0, 0);
  }
  const std::string& text() const { return text_; }

 private:
  std::string element(int64_t i) const {
    const auto at = static_cast<size_t>(i);
    if (boolean_) return whole_[at] ? "true" : "false";
    return floating_.empty() ? fmt::format("{}", whole_[at]) : fmt::format("{:.4g}", floating_[at]);
  }

  /// Calls f for the positions of an axis that are shown, and gap() in place of the others.
  template <typename F, typename Gap>
  void for_shown(int64_t size, F&& f, Gap&& gap) const {
    for (int64_t i = 0; i < size; ++i) {
      if (shorten_ && size > 2 * kEdge && i == kEdge) {
        gap();
        i = size - kEdge;
      }
      f(i);
    }
  }

  void measure(int axis, int64_t from) {
    if (axis == shape_.rank()) {
      width_ = std::max(width_, element(from).size());
      return;
    }
    for_shown(
        shape_[axis], [&](int64_t i) { measure(axis + 1, from + i * strides_[axis]); }, [] {});
  }

  void print(int axis, int64_t from) {
    if (axis == shape_.rank()) {
      text_ += fmt::format("{:>{}}", element(from), width_);
      return;
    }
    const bool innermost = axis == shape_.rank() - 1;
    const std::string separator =
        innermost ? ", "
                  : "," + std::string(static_cast<size_t>(shape_.rank() - axis - 1), '\n') +
                        std::string(static_cast<size_t>(axis) + 1, ' ');
    text_ += '[';
    bool first = true;
    const auto separate = [&] {
      if (!first) text_ += separator;
      first = false;
    };
    for_shown(
        shape_[axis],
        [&](int64_t i) {
          separate();
          print(axis + 1, from + i * strides_[axis]);
        },
        [&] {
          separate();
          text_ += "...";
        });
    text_ += ']';
  }

  Shape shape_;
  Strides strides_;
  bool shorten_ = false;
  bool boolean_ = false;
  std::vector<double> floating_;
  std::vector<int64_t> whole_;
  size_t width_ = 0;
  std::string text_;
};

}  // namespace

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined tensor";
  return fmt::format("{}\n{} {} on {}", Printer(tensor).text(), tensor.dtype(), tensor.shape(),
                     tensor.device());
}

}  // namespace dlengine
