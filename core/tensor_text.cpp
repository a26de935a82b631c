// Tensors as text, with the digits, columns and lines of numpy.array2string(x, separator=", ").
#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/number_text.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

namespace {

constexpr int64_t kMostElements = 1000;  // beyond this, only the edges of each axis are shown
constexpr int64_t kEdge = 3;
constexpr size_t kLineWidth = 75;

/// Calls f(i) for the positions of an axis that are shown, and gap() in place of the others.
template <typename F, typename Gap>
void for_shown(int64_t size, bool shorten, F&& f, Gap&& gap) {
  for (int64_t i = 0; i < size; ++i) {
    if (shorten && size > 2 * kEdge && i == kEdge) {
      gap();
      i = size - kEdge;
    }
    f(i);
  }
}

/// Collects the positions, in row-major order, of all elements that are shown.
void collect_shown(const Shape& shape, bool shorten, int axis, int64_t from, std::vector<size_t>& shown) {
  if (axis == shape.rank()) return shown.push_back(static_cast<size_t>(from));
  for_shown(
      shape[axis], shorten,
      [&](int64_t i) { collect_shown(shape, shorten, axis + 1, from * shape[axis] + i, shown); }, [] {});
}

/// Texts of one width for the shown elements.
std::vector<std::string> element_texts(const Tensor& x, const std::vector<size_t>& shown) {
  std::vector<std::string> texts;
  if (is_floating(x.dtype())) {
    const std::vector<double> all = x.to_vector<double>();
    std::vector<double> values;
    for (const size_t i : shown) values.push_back(all[i]);
    return number_texts(values, x.dtype());
  }
  const std::vector<int64_t> all = x.to_vector<int64_t>();
  for (const size_t i : shown) {
    texts.push_back(x.dtype() != DType::boolean ? fmt::format("{}", all[i]) : all[i] ? "True" : "False");
  }
  size_t width = x.dtype() == DType::boolean && x.rank() > 0 ? 5 : 0;  // also where all are True
  for (const std::string& text : texts) width = std::max(width, text.size());
  for (std::string& text : texts) text.insert(0, width - text.size(), ' ');
  return texts;
}

class Printer {
 public:
  explicit Printer(const Tensor& tensor) : shape_(tensor.shape()), shorten_(tensor.numel() > kMostElements) {
    std::vector<size_t> shown;
    collect_shown(shape_, shorten_, 0, 0, shown);
    texts_ = element_texts(tensor, shown);
    text_ = shape_.rank() == 0 ? texts_[0] : tensor.numel() == 0 ? "[]" : block(0);
  }
  const std::string& text() const { return text_; }

 private:
  /// The text from this axis on; its lines after the first begin below the first element.
  std::string block(int axis) { return axis == shape_.rank() - 1 ? row(axis) : blocks(axis); }

  std::string blocks(int axis) {
    const std::string indent(static_cast<size_t>(axis) + 1, ' ');
    const std::string separator =
        "," + std::string(static_cast<size_t>(shape_.rank() - axis - 1), '\n') + indent;
    std::string text = "[";
    const auto separate = [&] {
      if (text.size() > 1) text += separator;
    };
    for_shown(
        shape_[axis], shorten_,
        [&](int64_t) {
          separate();
          text += block(axis + 1);
        },
        [&] {
          separate();
          text += "...";
        });
    return text + "]";
  }

  /// The innermost axis, in lines of at most kLineWidth characters.
  std::string row(int axis) {
    const std::string indent(static_cast<size_t>(axis) + 1, ' ');
    const size_t width = kLineWidth - static_cast<size_t>(axis) - 1;  // every axis closes with a bracket
    std::string text, line = indent;
    bool first = true;
    const auto add = [&](std::string_view word) {
      if (!first) line += ", ";
      first = false;
      if (line.size() + word.size() > width && line.size() > indent.size()) {
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
        line = indent;
      }
      line += word;
    };
    for_shown(
        shape_[axis], shorten_, [&](int64_t) { add(texts_[next_++]); }, [&] { add("..."); });
    text += line;
    return "[" + text.substr(indent.size()) + "]";
  }

  Shape shape_;
  bool shorten_ = false;
  std::vector<std::string> texts_;
  size_t next_ = 0;  // of texts_, to be printed
  std::string text_;
};

}  // namespace

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined tensor";
  return fmt::format("{}\n{} {} on {}", Printer(tensor).text(), tensor.dtype(), tensor.shape(),
                     tensor.device());
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << to_string(tensor); }

}  // namespace dlengine
