// Lines of equal value, by marching squares: each square of four neighbours is crossed by pieces of the line,
// and pieces that end on the same edge are joined.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/train/plot/marks.h"
#include "dlengine/train/plot/svg.h"

namespace dlengine::plot {
namespace {

/// An edge of the grid: from element [row, column] to its neighbour on the right or below.
struct Edge {
  int64_t row, column;
  bool down;
  auto operator<=>(const Edge&) const = default;
};

/// Which edges the line of a level joins.
class LevelLine {
 public:
  LevelLine(const Matrix& field, double level) : field_(field), level_(level) {
    for (int64_t row = 0; row + 1 < field.rows; ++row) {
      for (int64_t column = 0; column + 1 < field.columns; ++column) cross(row, column);
    }
  }

  /// The joined lines, each as its edges in order.
  std::vector<std::vector<Edge>> lines() {
    std::vector<std::vector<Edge>> result;
    // Lines that end at the border begin there; what is left then are closed ones.
    for (const size_t neighbours : {1, 2}) {
      for (const auto& [edge, others] : joined_) {
        if (others.size() == neighbours && !seen_.contains(edge)) result.push_back(follow(edge));
      }
    }
    return result;
  }

  /// Where the level lies between the edge's ends: (row, column).
  std::pair<double, double> place(const Edge& edge) const {
    const double a = field_.at(edge.row, edge.column);
    const double b = edge.down ? field_.at(edge.row + 1, edge.column) : field_.at(edge.row, edge.column + 1);
    const double share = (level_ - a) / (b - a);
    const auto row = static_cast<double>(edge.row), column = static_cast<double>(edge.column);
    return {row + (edge.down ? share : 0), column + (edge.down ? 0 : share)};
  }

 private:
  bool above(int64_t row, int64_t column) const { return field_.at(row, column) >= level_; }

  // Edges around the square in order; where all four are crossed, each high corner is cut off.
  void cross(int64_t row, int64_t column) {
    for (const int64_t i : {row, row + 1}) {
      for (const int64_t j : {column, column + 1}) {
        if (!std::isfinite(field_.at(i, j))) return;
      }
    }
    const std::array<Edge, 4> around = {Edge{row, column, false}, Edge{row, column + 1, true},
                                        Edge{row + 1, column, false}, Edge{row, column, true}};
    const bool upper_left = above(row, column), upper_right = above(row, column + 1);
    const bool lower_right = above(row + 1, column + 1), lower_left = above(row + 1, column);
    const std::array<bool, 4> crossed = {upper_left != upper_right, upper_right != lower_right,
                                         lower_right != lower_left, lower_left != upper_left};
    std::vector<Edge> hit;
    for (size_t i = 0; i < around.size(); ++i) {
      if (crossed[i]) hit.push_back(around[i]);
    }
    if (hit.size() == 4 && upper_left) std::rotate(hit.begin(), hit.begin() + 3, hit.end());
    for (size_t i = 0; i + 1 < hit.size(); i += 2) {
      joined_[hit[i]].push_back(hit[i + 1]);
      joined_[hit[i + 1]].push_back(hit[i]);
    }
  }

  std::vector<Edge> follow(Edge edge) {
    const Edge first = edge;
    std::vector<Edge> line = {edge};
    seen_.insert(edge);
    for (bool going = true; going;) {
      going = false;
      for (const Edge& next : joined_.at(edge)) {
        if (!seen_.insert(next).second) continue;
        line.push_back(edge = next);
        going = true;
        break;
      }
    }
    const std::vector<Edge>& ends = joined_.at(edge);
    const bool closed = line.size() > 2 && std::find(ends.begin(), ends.end(), first) != ends.end();
    if (closed) line.push_back(first);
    return line;
  }

  const Matrix& field_;
  double level_;
  std::map<Edge, std::vector<Edge>> joined_;
  std::set<Edge> seen_;
};

class Contour final : public Mark {
 public:
  Contour(Matrix field, ContourOptions options) : field_(std::move(field)), options_(std::move(options)) {
    if (!options_.levels.empty()) return;
    const Ends ends = ends_of(field_.values, {}, {});
    if (ends.high > ends.low) options_.levels = round_numbers(ends.low, ends.high, 10);
  }
  void extend(Range& x, Range& y) const override {
    for (const double side : {options_.extent.x_from, options_.extent.x_to}) x.include(side);
    for (const double side : {options_.extent.y_from, options_.extent.y_to}) y.include(side);
  }
  bool tight() const override { return true; }

  std::string draw(const Plane& plane) const override {
    std::string path;
    for (const double level : options_.levels) {
      LevelLine line(field_, level);
      for (const std::vector<Edge>& edges : line.lines()) {
        std::vector<std::string> places;
        for (const Edge& edge : edges) {
          const auto [row, column] = line.place(edge);
          places.push_back(fmt::format("{} {}", pixels(plane.px(x_at(column))), pixels(plane.py(y_at(row)))));
        }
        path += fmt::format("M{}", fmt::join(places, "L"));
      }
    }
    return path.empty() ? path : fmt::format("<path class=\"m\" d=\"{}\"/>\n", path);
  }

 private:
  double x_at(double column) const {
    const auto& [from, to, y_from, y_to] = options_.extent;
    return from + (to - from) * (column + 0.5) / static_cast<double>(field_.columns);
  }
  double y_at(double row) const {
    const auto& [x_from, x_to, from, to] = options_.extent;
    return from + (to - from) * (row + 0.5) / static_cast<double>(field_.rows);
  }

  Matrix field_;
  ContourOptions options_;
};

}  // namespace

std::unique_ptr<Mark> make_contour(const Tensor& values, const ContourOptions& options) {
  Matrix field = matrix("contour", values);
  check<ShapeError>(field.rows >= 2 && field.columns >= 2, "contour: need 2 or more rows and columns, got {}",
                    values.shape());
  check_extent("contour", options.extent);
  for (const double level : options.levels) {
    check<ValueError>(std::isfinite(level), "contour: cannot draw the level {}", level);
  }
  return std::make_unique<Contour>(std::move(field), options);
}

}  // namespace dlengine::plot
