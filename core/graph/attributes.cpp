// What a call of a graph is told besides its tensors.
#include "dlengine/core/graph/attributes.h"

#include <algorithm>
#include <bit>

#include "dlengine/core/check.h"

namespace dlengine {

bool same(const Attributes& a, const Attributes& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& left, const auto& right) {
    const auto* x = std::get_if<double>(&left.second);
    const auto* y = std::get_if<double>(&right.second);
    if (left.first != right.first) return false;
    return x && y ? std::bit_cast<uint64_t>(*x) == std::bit_cast<uint64_t>(*y) : left.second == right.second;
  });
}

std::string to_string(const AttributeValue& value) {
  struct Text {
    std::string operator()(bool yes) const { return yes ? "true" : "false"; }
    std::string operator()(int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(Size2 size) const { return fmt::format("{}x{}", size.h, size.w); }
    std::string operator()(const std::string& word) const { return word; }
  };
  return std::visit(Text{}, value);
}

void throw_bad_attribute(const std::string& name, const AttributeValue& value) {
  fail<IoError>("{} cannot be \"{}\"", name, to_string(value));
}

}  // namespace dlengine
