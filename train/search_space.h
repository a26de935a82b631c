// Ranges of hyper-parameters, and values drawn from them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace dlengine {

/// A hyper-parameter's value: of a linear or logarithmic range a double, of an integer range an int64, of a
/// choice its word.
using ParameterValue = std::variant<double, int64_t, std::string>;
/// By name.
using Parameters = std::map<std::string, ParameterValue>;

/// "lr 0.00123, units 64".
std::string to_string(const Parameters& parameters);

/// Which values there are for each hyper-parameter. Throws ValueError for a range without values, a
/// logarithmic one that is not above 0, or a name given twice.
class SearchSpace {
 public:
  /// Evenly in [low, high).
  SearchSpace& linear(const std::string& name, double low, double high);
  /// The logarithm evenly: as many values from 1e-4 to 1e-3 as from 1e-3 to 1e-2.
  SearchSpace& log(const std::string& name, double low, double high);
  /// Whole numbers low .. high, both included.
  SearchSpace& integer(const std::string& name, int64_t low, int64_t high);
  SearchSpace& choice(const std::string& name, std::vector<std::string> words);

  enum class Kind : uint8_t { linear, log, integer, choice };
  struct Range {
    std::string name;
    Kind kind = Kind::linear;
    double low = 0, high = 0;
    std::vector<std::string> words = {};
  };
  const std::vector<Range>& ranges() const { return ranges_; }

  /// Values that depend on (seed, index) alone.
  Parameters sample(uint64_t seed, int64_t index) const;
  /// The space around the given values: a range from their smallest to their largest, with a tenth of the old
  /// range (or of its logarithm) on either side, within the old one; words that none of them has are left
  /// out.
  SearchSpace narrowed(const std::vector<Parameters>& around) const;

 private:
  SearchSpace& add(Range range);
  std::vector<Range> ranges_;
};

/// "lr 1e-05 .. 0.1 (log), units 32 .. 256 (integer), optimizer sgd | adam".
std::string to_string(const SearchSpace& space);

}  // namespace dlengine
