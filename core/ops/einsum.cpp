// Sums of products, written as an equation.
#include "dlengine/core/ops/einsum.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/matmul.h"
#include "dlengine/core/ops/reduce.h"

namespace dlengine {

namespace {

// Labels are letters; axes of an ellipsis are labelled by digits, the last of them 0.
constexpr std::string_view kDots = "...";

bool contains(std::string_view labels, char label) { return labels.find(label) != std::string_view::npos; }
bool is_digit(char label) { return label >= '0' && label <= '9'; }

/// The labels for which keep() is true.
template <typename F>
std::string filtered(std::string_view labels, F keep) {
  std::string found;
  std::copy_if(labels.begin(), labels.end(), std::back_inserter(found), keep);
  return found;
}

/// An operand, or a product of some, with a label for each axis.
struct Term {
  Tensor x;
  std::string labels;

  int axis(char label) const { return static_cast<int>(labels.find(label)); }
  int64_t size(char label) const { return x.dim(axis(label)); }
  Shape sizes(std::string_view some) const {
    Shape shape;
    for (const char label : some) shape.push_back(size(label));
    return shape;
  }
};

/// The text of an equation, which every message names.
class Equation {
 public:
  explicit Equation(std::string_view text) : text_(text) {
    std::string plain = filtered(text, [](char c) { return c != ' '; });
    const size_t arrow = plain.find("->");
    if (arrow != std::string::npos) {
      output_ = plain.substr(arrow + 2);
      has_output_ = true;
      plain.resize(arrow);
      check_term(output_);
    }
    for (size_t start = 0; start <= plain.size();) {
      const size_t end = std::min(plain.find(',', start), plain.size());
      inputs_.push_back(plain.substr(start, end - start));
      check_term(inputs_.back());
      start = end + 1;
    }
  }

  template <typename E, typename... Args>
  void require(bool ok, fmt::format_string<Args...> format, Args&&... args) const {
    if (!ok) fail<E>("einsum \"{}\": {}", text_, fmt::format(format, std::forward<Args>(args)...));
  }

  const std::vector<std::string>& inputs() const { return inputs_; }
  /// The labels of the result, where "..." are that many axes.
  std::string output(int ellipsis) const {
    if (has_output_) return with_ellipsis(output_, ellipsis);
    std::string all;
    for (const std::string& term : inputs_) all += term;
    std::string once =  // not the dots, of which there are three
        filtered(all, [&](char label) { return std::count(all.begin(), all.end(), label) == 1; });
    std::sort(once.begin(), once.end());
    return with_ellipsis(kDots, ellipsis) + once;
  }
  static std::string with_ellipsis(std::string_view term, int axes) {
    const size_t dots = term.find(kDots);
    if (dots == std::string_view::npos) return std::string(term);
    std::string labels(term.substr(0, dots));
    for (int i = axes - 1; i >= 0; --i) labels += static_cast<char>('0' + i);
    return labels.append(term.substr(dots + kDots.size()));
  }

 private:
  void check_term(std::string_view term) const {
    const size_t dots = term.find(kDots);
    for (size_t i = 0; i < term.size(); ++i) {
      if (dots != std::string_view::npos && i >= dots && i < dots + kDots.size()) continue;
      const char c = term[i];
      require<ValueError>(
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'),
          "cannot read '{}' in the term \"{}\": need letters, \"...\" once, ',' and '->' once", c, term);
    }
  }

  std::string_view text_;
  std::vector<std::string> inputs_;
  std::string output_;
  bool has_output_ = false;
};

/// Sums over the labels that are not in `kept`.
Term summed(const Term& term, std::string_view kept) {
  ReduceOptions options;
  for (const char label : term.labels) {
    if (!contains(kept, label)) options.axes.push_back(term.axis(label));
  }
  if (options.axes.empty()) return term;
  return {sum(term.x, options), filtered(term.labels, [&](char label) { return contains(kept, label); })};
}

Tensor in_order(const Term& term, std::string_view labels) {
  std::vector<int> axes;
  for (const char label : labels) axes.push_back(term.axis(label));
  return term.x.permute(axes);
}

/// A matrix of the axes in two groups for each element of a batch.
Tensor matrices(const Term& term, const std::string& batch, const std::string& rows,
                const std::string& columns) {
  const bool apart = static_cast<int>(batch.size()) + 2 <= kMaxRank;  // joining them might copy
  Shape shape = apart ? term.sizes(batch) : Shape{term.sizes(batch).product()};
  shape.push_back(term.sizes(rows).product());
  shape.push_back(term.sizes(columns).product());
  return in_order(term, batch + rows + columns).reshape(shape);
}

/// What two terms give, where only the labels in `kept` are needed any more.
Term product(const Term& left, const Term& right, std::string_view kept) {
  const Term a = summed(left, std::string(kept) + right.labels);
  const Term b = summed(right, std::string(kept) + left.labels);
  const auto of_both = [&](char label) { return contains(b.labels, label); };
  const std::string batch =
      filtered(a.labels, [&](char label) { return of_both(label) && contains(kept, label); });
  const std::string inner =
      filtered(a.labels, [&](char label) { return of_both(label) && !contains(kept, label); });
  const std::string rows = filtered(a.labels, [&](char label) { return !of_both(label); });
  const std::string columns = filtered(b.labels, [&](char label) { return !contains(a.labels, label); });
  Shape shape = a.sizes(batch + rows);
  for (const int64_t size : b.sizes(columns)) shape.push_back(size);
  const Tensor x = matrices(a, batch, rows, inner), y = matrices(b, batch, inner, columns);
  return {(inner.empty() ? x * y : matmul(x, y)).reshape(shape), batch + rows + columns};
}

/// What the operands have in common, and their reading.
class Reader {
 public:
  explicit Reader(const Equation& equation) : equation_(equation) {}

  /// The operand with a label for each axis, no label twice.
  Term read(size_t number, const Tensor& x) {
    const std::string& text = equation_.inputs()[number];
    const bool dots = text.find(kDots) != std::string::npos;
    const int letters = static_cast<int>(text.size() - (dots ? kDots.size() : 0));
    equation_.require<ShapeError>(dots ? x.rank() >= letters : x.rank() == letters,
                                  "operand {} is {}, but \"{}\" names {} axes", number, x.shape(), text,
                                  letters);
    const int ellipsis = x.rank() - letters;
    ellipsis_ = std::max(ellipsis_, ellipsis);
    Term term{x, Equation::with_ellipsis(text, ellipsis)};
    for (int axis = 0; axis < x.rank(); ++axis) note(number, term, axis);
    return without_repeats(std::move(term));
  }
  /// The term without axes of an ellipsis that others make longer.
  Term broadcast(Term term) const {
    for (const char label : std::string(term.labels)) {
      if (!is_digit(label) || term.size(label) == size_of(label)) continue;
      term.x = term.x.squeeze(term.axis(label));
      term.labels.erase(term.labels.find(label), 1);
    }
    return term;
  }
  int ellipsis() const { return ellipsis_; }
  bool knows(char label) const { return known_[static_cast<size_t>(label)].size >= 0; }

 private:
  struct Size {
    int64_t size = -1;
    size_t operand = 0;  // that has it
  };
  int64_t size_of(char label) const { return known_[static_cast<size_t>(label)].size; }

  void note(size_t number, const Term& term, int axis) {
    const char label = term.labels[static_cast<size_t>(axis)];
    const int64_t size = term.x.dim(axis);
    Size& known = known_[static_cast<size_t>(label)];
    if (known.size < 0 || (is_digit(label) && known.size == 1)) known = {size, number};
    equation_.require<ShapeError>(known.size == size || (is_digit(label) && size == 1),
                                  "{} is {} in operand {} and {} in operand {} {}",
                                  is_digit(label) ? "an axis of \"...\"" : std::string(1, label), known.size,
                                  known.operand, size, number, term.x.shape());
  }

  // The diagonal is what is left where all else is 0.
  static Term without_repeats(Term term) {
    for (size_t last = term.labels.size(); last-- > 0;) {
      const size_t first = term.labels.find(term.labels[last]);
      if (first == last) continue;
      Shape shape = Shape::filled(term.x.rank(), 1);
      const int64_t size = term.x.dim(static_cast<int>(last));
      shape[static_cast<int>(first)] = shape[static_cast<int>(last)] = size;
      const Tensor places = count_up(size, term.x.device());
      const Tensor diagonal = equal(places.unsqueeze(1), places).reshape(shape);
      term.x = sum(where(diagonal, term.x, 0), {.axes = {static_cast<int64_t>(last)}});
      term.labels.erase(last, 1);
    }
    return term;
  }

  const Equation& equation_;
  std::array<Size, 128> known_;  // by label
  int ellipsis_ = 0;
};

/// The operands in one type.
std::vector<Tensor> in_one_type(const Equation& equation, const std::vector<Tensor>& operands) {
  std::vector<Tensor> same;
  for (size_t i = 0; i < operands.size(); ++i) {
    const Tensor &x = operands[i], &first = operands[0];
    check_operands("einsum", {&first, &x});
    equation.require<DTypeError>(x.dtype() != DType::boolean, "operand {} is bool; need numbers", i);
    const bool fits = is_floating(x.dtype()) ? x.dtype() == first.dtype() : !is_floating(first.dtype());
    equation.require<DTypeError>(fits,
                                 "operand {} is {} and operand 0 {}; need one floating type, or integers", i,
                                 x.dtype(), first.dtype());
    same.push_back(is_floating(x.dtype()) ? x : x.to(DType::i64));
  }
  return same;
}

void check_output(const Equation& equation, const Reader& reader, std::string_view output) {
  for (const char label : output) {
    equation.require<ValueError>(std::count(output.begin(), output.end(), label) == 1,
                                 "the result names {} twice", label);
    equation.require<ValueError>(reader.knows(label), "the result names {}, which no operand has", label);
  }
}

}  // namespace

Tensor einsum(std::string_view text, const std::vector<Tensor>& operands) {
  const Equation equation(text);
  equation.require<ValueError>(equation.inputs().size() == operands.size(), "{} terms for {} operands",
                               equation.inputs().size(), operands.size());
  Reader reader(equation);
  std::vector<Term> terms;
  for (const Tensor& x : in_one_type(equation, operands)) terms.push_back(reader.read(terms.size(), x));
  for (Term& term : terms) term = reader.broadcast(std::move(term));
  const std::string output = equation.output(reader.ellipsis());
  check_output(equation, reader, output);
  Term result = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    std::string kept = output;
    for (size_t later = i + 1; later < terms.size(); ++later) kept += terms[later].labels;
    try {
      result = product(result, terms[i], kept);
    } catch (Error& error) {
      error.add_context(fmt::format("einsum \"{}\", operand {}", text, i));
      throw;
    }
  }
  return in_order(summed(result, output), output);
}

}  // namespace dlengine
