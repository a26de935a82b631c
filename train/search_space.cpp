// Drawing by Philox, so that a trial's values depend on nothing but its number.
#include "dlengine/train/search_space.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/philox.h"

namespace dlengine {
namespace {

constexpr double kMargin = 0.1;  // of the old range, beside the values around which it is narrowed
constexpr int64_t kMostWhole = int64_t{1} << 53;  // whole numbers up to here are doubles

using Kind = SearchSpace::Kind;
using Range = SearchSpace::Range;

double scaled(const Range& range, double value) { return range.kind == Kind::log ? std::log(value) : value; }

double unscaled(const Range& range, double value) {
  return range.kind == Kind::log ? std::exp(value) : value;
}

/// Uniform in [0, 1).
double uniform(uint64_t seed, int64_t index, size_t position) {
  const PhiloxBlock block = philox({seed, static_cast<uint64_t>(index)}, position);
  return static_cast<double>((uint64_t{block.word[0]} << 32 | block.word[1]) >> 11) * 0x1p-53;
}

ParameterValue value_at(const Range& range, double share) {
  switch (range.kind) {
    case Kind::choice: {
      const auto count = static_cast<double>(range.words.size());
      return range.words[static_cast<size_t>(share * count)];
    }
    case Kind::integer:
      return static_cast<int64_t>(range.low + std::floor(share * (range.high - range.low + 1)));
    default: {
      const double low = scaled(range, range.low), high = scaled(range, range.high);
      return std::clamp(unscaled(range, low + share * (high - low)), range.low, range.high);
    }
  }
}

double as_double(const ParameterValue& value) {
  const auto* whole = std::get_if<int64_t>(&value);
  return whole ? static_cast<double>(*whole) : std::get<double>(value);
}

Range narrowed_range(const Range& range, const std::vector<ParameterValue>& values) {
  Range result = range;
  if (range.kind == Kind::choice) {
    std::erase_if(result.words, [&](const std::string& word) {
      return std::ranges::none_of(values,
                                  [&](const ParameterValue& value) { return value == ParameterValue(word); });
    });
    return result;
  }
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const ParameterValue& value : values) {
    low = std::min(low, scaled(range, as_double(value)));
    high = std::max(high, scaled(range, as_double(value)));
  }
  const double margin = kMargin * (scaled(range, range.high) - scaled(range, range.low));
  result.low = std::max(range.low, unscaled(range, low - margin));
  result.high = std::min(range.high, unscaled(range, high + margin));
  if (range.kind == Kind::integer) {
    result.low = std::ceil(result.low);
    result.high = std::floor(result.high);
  }
  return result;
}

std::string text_of(const Range& range) {
  switch (range.kind) {
    case Kind::choice: return fmt::format("{} {}", range.name, fmt::join(range.words, " | "));
    case Kind::integer: return fmt::format("{} {} .. {} (integer)", range.name, range.low, range.high);
    case Kind::log: return fmt::format("{} {} .. {} (log)", range.name, range.low, range.high);
    default: return fmt::format("{} {} .. {}", range.name, range.low, range.high);
  }
}

std::string text_of(const ParameterValue& value) {
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  if (const auto* whole = std::get_if<int64_t>(&value)) return fmt::format("{}", *whole);
  return fmt::format("{:.3g}", std::get<double>(value));
}

}  // namespace

SearchSpace& SearchSpace::add(Range range) {
  check<ValueError>(!range.name.empty(), "SearchSpace: a name is empty");
  for (const Range& earlier : ranges_) {
    check<ValueError>(earlier.name != range.name, "SearchSpace: '{}' is there twice", range.name);
  }
  check<ValueError>(std::isfinite(range.low) && std::isfinite(range.high) && range.low <= range.high,
                    "SearchSpace: '{}' goes from {} to {}, need finite ends in this order", range.name,
                    range.low, range.high);
  ranges_.push_back(std::move(range));
  return *this;
}

SearchSpace& SearchSpace::linear(const std::string& name, double low, double high) {
  return add({name, Kind::linear, low, high});
}

SearchSpace& SearchSpace::log(const std::string& name, double low, double high) {
  check<ValueError>(low > 0, "SearchSpace: '{}' is logarithmic and begins at {}, need more than 0", name,
                    low);
  return add({name, Kind::log, low, high});
}

SearchSpace& SearchSpace::integer(const std::string& name, int64_t low, int64_t high) {
  check<ValueError>(-kMostWhole <= low && high <= kMostWhole,
                    "SearchSpace: '{}' goes from {} to {}, need -2^53 .. 2^53", name, low, high);
  return add({name, Kind::integer, static_cast<double>(low), static_cast<double>(high)});
}

SearchSpace& SearchSpace::choice(const std::string& name, std::vector<std::string> words) {
  check<ValueError>(!words.empty(), "SearchSpace: '{}' has no words to choose from", name);
  return add({name, Kind::choice, 0, 0, std::move(words)});
}

Parameters SearchSpace::sample(uint64_t seed, int64_t index) const {
  Parameters result;
  for (size_t i = 0; i < ranges_.size(); ++i) {
    result.emplace(ranges_[i].name, value_at(ranges_[i], uniform(seed, index, i)));
  }
  return result;
}

SearchSpace SearchSpace::narrowed(const std::vector<Parameters>& around) const {
  if (around.empty()) return *this;
  SearchSpace result;
  for (const Range& range : ranges_) {
    std::vector<ParameterValue> values;
    for (const Parameters& parameters : around) {
      const auto found = parameters.find(range.name);
      check<ValueError>(found != parameters.end() && (range.kind == Kind::choice) ==
                                                         std::holds_alternative<std::string>(found->second),
                        "SearchSpace::narrowed: the values have no '{}' of its kind", range.name);
      values.push_back(found->second);
    }
    result.add(narrowed_range(range, values));
  }
  return result;
}

std::string to_string(const SearchSpace& space) {
  std::vector<std::string> parts;
  for (const Range& range : space.ranges()) parts.push_back(text_of(range));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string to_string(const Parameters& parameters) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : parameters) parts.push_back(fmt::format("{} {}", name, text_of(value)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace dlengine
