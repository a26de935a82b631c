// Internal: how people write the digits, as curves through points.
#pragma once

#include <span>
#include <vector>

namespace dlengine {

/// x to the right, y down; a digit stands in the unit square.
struct Point {
  float x = 0;
  float y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

/// A smooth curve through these points; a point given twice is a corner.
using Stroke = std::vector<Point>;
/// One way to write a digit: its strokes in order.
using DigitStyle = std::vector<Stroke>;

/// The ways to write a digit from 0 to 9, three or more.
std::span<const DigitStyle> digit_styles(int digit);

}  // namespace dlengine
