// Internal: from numbers to pixels, and the round numbers along an axis.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "dlengine/train/plot.h"

namespace dlengine::plot {

/// True if ticks from .. to would hardly differ.
bool too_short(double from, double to);

/// The smallest and the largest of the numbers that an axis can show.
class Range {
 public:
  explicit Range(Scale scale) : scale_(scale) {}
  void include(double value) {
    if (!shows(value)) return;
    low_ = empty_ || value < low_ ? value : low_;
    high_ = empty_ || value > high_ ? value : high_;
    empty_ = false;
  }
  /// False for values that are gaps.
  bool shows(double value) const;
  bool empty() const { return empty_; }
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  Scale scale_;
  bool empty_ = true;
  double low_ = 0, high_ = 0;
};

/// Numbers from .. to along `length` pixels.
class AxisMap {
 public:
  AxisMap(double from, double to, Scale scale, double length);
  /// Pixels from the end where `from` lies.
  double operator()(double value) const;
  bool shows(double value) const;
  double from() const { return from_; }
  double to() const { return to_; }
  double low() const { return from_ < to_ ? from_ : to_; }
  double high() const { return from_ < to_ ? to_ : from_; }
  double length() const { return length_; }
  Scale scale() const { return scale_; }
  /// The same middle with a range `factor` times as large.
  AxisMap widened(double factor) const;

 private:
  double from_, to_;
  Scale scale_;
  double length_;
};

/// The axis as the options want it, with room around what it shows unless `tight`.
AxisMap make_axis(const Axis& options, const Range& shown, double length, bool tight);

struct Tick {
  double value = 0;
  std::string text;
};

/// Round numbers on the axis, about one in `spacing` pixels, or the axis's names.
std::vector<Tick> ticks(const AxisMap& axis, const std::vector<std::string>& names, double spacing);

/// `count` or so round numbers within low .. high, ascending.
std::vector<double> round_numbers(double low, double high, double count);

}  // namespace dlengine::plot
