// Internal: the kinds of things that a panel draws.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlengine/train/plot.h"
#include "dlengine/train/plot/axis.h"

namespace dlengine::plot {

/// Where a panel's numbers lie, in pixels from the upper left corner of its frame.
struct Plane {
  AxisMap x, y;
  double px(double value) const { return x(value); }
  double py(double value) const { return y.length() - y(value); }
  bool shows(double a, double b) const { return x.shows(a) && y.shows(b); }
};

/// An entry of a legend: its words, and a sign drawn in a box of 22 x 10 pixels.
struct LegendEntry {
  std::string name;
  std::string sign;
};

/// What the colours of a heat map mean.
struct ColorScale {
  ColorMap colors;
  double low, high;
  std::string label;
};

class Mark {
 public:
  virtual ~Mark() = default;
  virtual void extend(Range& x, Range& y) const = 0;
  virtual std::string draw(const Plane& plane) const = 0;
  virtual void add_legend(std::vector<LegendEntry>&) const {}
  /// Ends at its last number, without room: cells fill their panel.
  virtual bool tight() const { return false; }
  /// Its rows run down, so y does unless the axis says otherwise.
  virtual bool rows_down() const { return false; }
  virtual std::optional<ColorScale> color_scale() const { return std::nullopt; }
};

using Marks = std::vector<std::unique_ptr<Mark>>;

std::unique_ptr<Mark> make_line(const Values& x, const Values& y, const LineOptions& options);
std::unique_ptr<Mark> make_points(const Values& x, const Values& y, const PointOptions& options);
std::unique_ptr<Mark> make_bars(const Values& x, const Values& heights, const BarOptions& options);
std::unique_ptr<Mark> make_text(double x, double y, const std::string& words);
std::unique_ptr<Mark> make_cells(const Tensor& values, const HeatMapOptions& options);
std::unique_ptr<Mark> make_contour(const Tensor& values, const ContourOptions& options);

/// Values [H, W] in f64 on the host. Throws ShapeError unless there are some.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;
  double at(int64_t row, int64_t column) const { return values[static_cast<size_t>(row * columns + column)]; }
};
Matrix matrix(const char* who, const Tensor& values);

/// The given ends, else the smallest and the largest finite value.
struct Ends {
  double low, high;
};
Ends ends_of(const std::vector<double>& values, std::optional<double> low, std::optional<double> high);

/// Throws ValueError unless the extent's sides are finite and not empty.
void check_extent(const char* who, const Extent& extent);

}  // namespace dlengine::plot
