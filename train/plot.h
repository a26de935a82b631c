// Pictures as SVG: panels in a grid, with lines, points, bars, images and level lines.
//
//   Figure figure({.title = "Two optimizers"});
//   Panel& panel = figure.panel({.x = {.label = "step"}, .y = {.label = "loss", .scale = Scale::log}});
//   panel.line(steps, sgd, {.name = "SGD"});
//   panel.line(steps, adam, {.name = "Adam"});
//   figure.save("optimizers.svg");
//
// The same numbers give the same bytes. A picture is readable on a light and on a dark page: it follows the
// reader's colour scheme, and the colours of series are told apart by colour-blind eyes, too.
//
// Values that are not finite, and those <= 0 on a logarithmic axis, are gaps: a line is broken there, a point
// or bar is left out, a cell of a heat map stays empty. Series without any value are shown in the legend
// alone.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Numbers to draw. Made from what holds numbers; of a tensor, all elements in row-major order.
class Values {
 public:
  Values(std::initializer_list<double> values) : numbers_(values) {}
  template <typename T>
  Values(const std::vector<T>& values) : numbers_(values.begin(), values.end()) {}  // NOLINT: implicit
  Values(const Tensor& tensor) : numbers_(tensor.to_vector<double>()) {}            // NOLINT: implicit
  const std::vector<double>& numbers() const { return numbers_; }
  size_t size() const { return numbers_.size(); }

 private:
  std::vector<double> numbers_;
};

enum class Scale : uint8_t { linear, log };

enum class ColorMap : uint8_t {
  sequential,  // dark to bright, from small to large (Viridis)
  diverging,   // blue, white, red; white is 0 where neither end was given
  gray,        // black to white
  classes,     // the number of a series' colour in each cell, as for regions of decision
};

struct Axis {
  std::string label = {};  // with its unit, as "time (s)"
  Scale scale = Scale::linear;
  std::optional<double> from = {};      // left or lower end, also above `to`; empty: from what is drawn
  std::optional<double> to = {};        // the other end
  std::vector<std::string> names = {};  // stand at 0, 1, 2, ... in place of numbers
};

/// A rectangle in the units of the axes.
struct Extent {
  double x_from = 0, x_to = 1, y_from = 0, y_to = 1;
};

struct PanelOptions {
  std::string title = {};
  Axis x = {}, y = {};
  bool equal_scales = false;  // a unit of x is as long as one of y
  bool axes = true;           // false: neither frame nor numbers, as for images
};

// The first colour that the panel has not used; after the seventh over again, with lines dashed.
inline constexpr int kNextColor = -1;

struct LineOptions {
  std::string name = {};  // in the legend; empty: not there
  int color = kNextColor;
  double width = 2;  // pixels
  bool dashed = false;
  bool markers = false;  // a point at each value
};

struct PointOptions {
  std::string name = {};
  int color = kNextColor;  // each colour has a shape of its own
  double radius = 3;       // pixels
};

struct BarOptions {
  std::string name = {};
  int color = kNextColor;
  double width = 0.8;  // in units of x
};

struct HistogramOptions {
  std::string name = {};
  int color = kNextColor;
  int bins = 40;
  std::optional<double> from = {}, to = {};  // empty: from the values; those outside are not counted
};

struct HeatMapOptions {
  ColorMap colors = ColorMap::sequential;
  std::optional<double> low = {}, high = {};  // values of the end colours; empty: smallest and largest
  std::string label = {};                     // beside the bar of colours
  bool color_bar = true;                      // not drawn for classes
  std::optional<Extent> extent = {};          // empty: rows run down, and cell [i, j] lies around (j, i)
  std::vector<std::string> class_names = {};  // in the legend, for classes
};

struct ImagesOptions {
  int columns = 8;
  ColorMap colors = ColorMap::gray;
  bool own_range = false;                     // each image from its own smallest to its own largest value
  std::optional<double> low = {}, high = {};  // else: of all images
  std::string label = {};                     // beside the bar of colours
  bool color_bar = false;
};

struct ContourOptions {
  std::vector<double> levels = {};  // empty: ten from the smallest to the largest value
  Extent extent = {};
};

/// What one panel draws, in the order of the calls. Each throws ShapeError for numbers that do not belong
/// together, and ValueError for options that make no sense.
class Panel {
 public:
  explicit Panel(PanelOptions options);
  Panel(Panel&&) noexcept;
  Panel& operator=(Panel&&) noexcept;
  ~Panel();

  Panel& line(const Values& x, const Values& y, const LineOptions& options = {});
  Panel& scatter(const Values& x, const Values& y, const PointOptions& options = {});
  /// Bars from 0 (on a logarithmic axis from its lower end) to each height, around x.
  Panel& bars(const Values& x, const Values& heights, const BarOptions& options = {});
  /// How many of the values lie in each of `bins` equal parts of the range, the ends included.
  Panel& histogram(const Values& values, const HistogramOptions& options = {});
  /// Cells [H, W]. Row 0 is on top, or with an extent at its y_from. Needs linear axes.
  Panel& heat_map(const Tensor& values, const HeatMapOptions& options = {});
  /// Images [N, H, W] (or one, [H, W]) in rows, with a gap of a pixel. For panels without axes.
  Panel& images(const Tensor& images, const ImagesOptions& options = {});
  /// Lines of equal value through [H, W], whose elements lie in the middles of the cells of the extent, as
  /// grid_points() has them. Needs linear axes.
  Panel& contour(const Tensor& values, const ContourOptions& options);
  /// A few words at a place, from there to the right.
  Panel& text(double x, double y, const std::string& words);

 private:
  friend class Figure;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct FigureOptions {
  std::string title = {};
  int columns = 1;           // of panels; they fill rows from the left
  double panel_width = 440;  // pixels, with labels
  double panel_height = 300;
};

class Figure {
 public:
  /// Throws ValueError for columns < 1 or panels of less than 40 pixels.
  explicit Figure(const FigureOptions& options = {});
  Figure(Figure&&) noexcept;
  Figure& operator=(Figure&&) noexcept;
  ~Figure();

  /// The next panel; the reference is good for as long as the figure lives.
  Panel& panel(const PanelOptions& options = {});
  std::string svg() const;
  /// Writes svg(), whole or not at all. Throws IoError.
  void save(const std::string& path) const;

 private:
  FigureOptions options_;
  std::vector<std::unique_ptr<Panel>> panels_;
};

/// The middles of columns x rows cells of the extent, row by row from y_from: [rows * columns, 2] of (x, y),
/// f32. A model's outputs for them, as [rows, columns], are what heat_map() and contour() take.
Tensor grid_points(const Extent& extent, int64_t columns, int64_t rows);

}  // namespace dlengine
