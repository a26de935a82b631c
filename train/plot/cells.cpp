// Heat maps and images: cells of one colour side by side are one stroke.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/train/plot/marks.h"
#include "dlengine/train/plot/svg.h"

namespace dlengine::plot {
namespace {

constexpr int kLevels = 49;  // colours from one end to the other; odd, so that the middle is one of them
constexpr int kGap = -1;

class Cells final : public Mark {
 public:
  Cells(Matrix cells, HeatMapOptions options) : cells_(std::move(cells)), options_(std::move(options)) {
    const auto rows = static_cast<double>(cells_.rows), columns = static_cast<double>(cells_.columns);
    extent_ = options_.extent.value_or(Extent{-0.5, columns - 0.5, -0.5, rows - 0.5});
    ends_ = ends_of(cells_.values, options_.low, options_.high);
    if (options_.colors == ColorMap::diverging && !options_.low && !options_.high) {
      ends_.high = std::max(std::abs(ends_.low), std::abs(ends_.high));
      ends_.low = -ends_.high;
    }
  }

  void extend(Range& x, Range& y) const override {
    for (const double side : {extent_.x_from, extent_.x_to}) x.include(side);
    for (const double side : {extent_.y_from, extent_.y_to}) y.include(side);
  }
  bool tight() const override { return true; }
  bool rows_down() const override { return !options_.extent; }

  // In a group whose unit is a cell.
  std::string draw(const Plane& plane) const override {
    const double left = plane.px(extent_.x_from), top = plane.py(extent_.y_from);
    const double width = (plane.px(extent_.x_to) - left) / static_cast<double>(cells_.columns);
    const double height = (plane.py(extent_.y_to) - top) / static_cast<double>(cells_.rows);
    std::string result = fmt::format(
        "<g{} shape-rendering=\"crispEdges\" stroke-width=\"1.02\" transform=\"translate({} {}) scale({:.5g} "
        "{:.5g})\">\n",
        opacity(), pixels(left), pixels(top), width, height);
    for (const auto& [level, path] : strokes()) {
      result += fmt::format("<path {} d=\"{}\"/>\n", look(level), path);
    }
    return result + "</g>\n";
  }

  void add_legend(std::vector<LegendEntry>& legend) const override {
    for (size_t i = 0; i < options_.class_names.size(); ++i) {
      legend.push_back({options_.class_names[i], fmt::format("<path{} stroke-width=\"10\" {} d=\"M3 5h16\"/>",
                                                             opacity(), look(static_cast<int>(i)))});
    }
  }
  std::optional<ColorScale> color_scale() const override {
    if (options_.colors == ColorMap::classes || !options_.color_bar) return std::nullopt;
    return ColorScale{options_.colors, ends_.low, ends_.high, options_.label};
  }

 private:
  int level(double value) const {
    if (!std::isfinite(value)) return kGap;
    if (options_.colors == ColorMap::classes) return static_cast<int>(value);
    const double share = ends_.high > ends_.low ? (value - ends_.low) / (ends_.high - ends_.low) : 0.5;
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * (kLevels - 1)));
  }

  // Classes are tints, so that points stand out from them.
  const char* opacity() const { return options_.colors == ColorMap::classes ? " opacity=\"0.3\"" : ""; }

  std::string look(int level) const {
    if (options_.colors == ColorMap::classes) {
      return fmt::format("class=\"l{}\"", level % kColors);
    }
    return fmt::format("stroke=\"{}\"", color_at(options_.colors, level / (kLevels - 1.0)));
  }

  /// For each level one path: runs of cells, each from the end of the run before.
  std::map<int, std::string> strokes() const {
    struct Pen {
      std::string path;
      int64_t row = 0, column = 0;
    };
    std::map<int, Pen> pens;
    for (int64_t row = 0; row < cells_.rows; ++row) {
      for (int64_t column = 0, end = 0; column < cells_.columns; column = end) {
        const int here = level(cells_.at(row, column));
        for (end = column + 1; end < cells_.columns && level(cells_.at(row, end)) == here;) ++end;
        if (here == kGap) continue;
        Pen& pen = pens[here];
        pen.path += pen.path.empty()
                        ? fmt::format("M{} {}.5h{}", column, row, end - column)
                        : fmt::format("m{} {}h{}", column - pen.column, row - pen.row, end - column);
        pen.row = row;
        pen.column = end;
      }
    }
    std::map<int, std::string> result;
    for (auto& [number, pen] : pens) result.emplace(number, std::move(pen.path));
    return result;
  }

  Matrix cells_;
  HeatMapOptions options_;
  Extent extent_;
  Ends ends_{};
};

void check_classes(const Matrix& cells) {
  for (const double value : cells.values) {
    check<ValueError>(!std::isfinite(value) || (value >= 0 && value < 1e6 && value == std::floor(value)),
                      "heat_map: classes are numbers from 0 on, got {}", value);
  }
}

}  // namespace

Matrix matrix(const char* who, const Tensor& values) {
  values.check_defined(who);
  check<ShapeError>(values.rank() == 2 && values.numel() > 0, "{}: need values [H, W], got {}", who,
                    values.shape());
  return {values.dim(0), values.dim(1), values.to_vector<double>()};
}

Ends ends_of(const std::vector<double>& values, std::optional<double> low, std::optional<double> high) {
  Range range(Scale::linear);
  for (const double value : values) range.include(value);
  return {low.value_or(range.low()), high.value_or(range.high())};
}

void check_extent(const char* who, const Extent& extent) {
  const double width = extent.x_to - extent.x_from, height = extent.y_to - extent.y_from;
  check<ValueError>(std::isfinite(width) && std::isfinite(height) && width != 0 && height != 0,
                    "{}: the extent is x {} .. {}, y {} .. {}, need finite sides that differ", who,
                    extent.x_from, extent.x_to, extent.y_from, extent.y_to);
}

std::unique_ptr<Mark> make_cells(const Tensor& values, const HeatMapOptions& options) {
  Matrix cells = matrix("heat_map", values);
  if (options.extent) check_extent("heat_map", *options.extent);
  check<ValueError>(!options.low || !options.high || *options.low < *options.high,
                    "heat_map: need low < high, got {} and {}", options.low.value_or(0),
                    options.high.value_or(0));
  if (options.colors == ColorMap::classes) check_classes(cells);
  return std::make_unique<Cells>(std::move(cells), options);
}

}  // namespace dlengine::plot
