// Lines, points, bars and words.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/train/plot/marks.h"
#include "dlengine/train/plot/svg.h"

namespace dlengine::plot {
namespace {

/// x and y of a series, of one length.
struct Pairs {
  std::vector<double> x, y;
  size_t size() const { return x.size(); }
};

Pairs pairs(const char* who, const std::string& name, const Values& x, const Values& y) {
  check<ShapeError>(x.size() == y.size(), "{}{}: need as many x as y, got {} and {}", who,
                    name.empty() ? "" : fmt::format(" '{}'", name), x.size(), y.size());
  return {x.numbers(), y.numbers()};
}

void extend_by(const Pairs& points, Range& x, Range& y) {
  for (size_t i = 0; i < points.size(); ++i) {
    if (!x.shows(points.x[i]) || !y.shows(points.y[i])) continue;
    x.include(points.x[i]);
    y.include(points.y[i]);
  }
}

/// A point of a series: each colour has one of three shapes, so that colour alone need not tell them apart.
/// Round ones are the ends of a line without length, which is the shortest way to say them.
enum class Dot : char { round, square, triangle };

Dot shape_of(int color) { return static_cast<Dot>(color % 3); }

std::string point(Dot shape, double x, double y, double radius) {
  if (shape == Dot::round) return fmt::format("M{} {}h0", pixels(x), pixels(y));
  if (shape == Dot::square) {
    const double side = 1.8 * radius;
    return fmt::format("M{} {}h{}v{}h{}z", pixels(x - side / 2), pixels(y - side / 2), pixels(side),
                       pixels(side), pixels(-side));
  }
  return fmt::format("M{} {}l{} {}h{}z", pixels(x), pixels(y - 1.2 * radius), pixels(1.2 * radius),
                     pixels(2.2 * radius), pixels(-2.4 * radius));
}

std::string points_path(int color, double radius, const std::string& path) {
  const int number = color % kColors;
  if (path.empty()) return {};
  if (shape_of(color) != Dot::round) return fmt::format("<path class=\"f{}\" d=\"{}\"/>\n", number, path);
  return fmt::format("<path class=\"l{}\" stroke-width=\"{}\" stroke-linecap=\"round\" d=\"{}\"/>\n", number,
                     pixels(2 * radius), path);
}

std::string all_points(const Pairs& points, const Plane& plane, int color, double radius) {
  std::string path;
  for (size_t i = 0; i < points.size(); ++i) {
    if (plane.shows(points.x[i], points.y[i])) {
      path += point(shape_of(color), plane.px(points.x[i]), plane.py(points.y[i]), radius);
    }
  }
  return points_path(color, radius, path);
}

class Line final : public Mark {
 public:
  Line(Pairs points, LineOptions options) : points_(std::move(points)), options_(std::move(options)) {}
  void extend(Range& x, Range& y) const override { extend_by(points_, x, y); }
  std::string draw(const Plane& plane) const override {
    std::string dots;  // of values that stand alone
    const std::string line = stroke(path(plane, dots));
    return line + (options_.markers ? all_points(points_, plane, options_.color, options_.width + 1)
                                    : points_path(options_.color, options_.width + 1, dots));
  }
  void add_legend(std::vector<LegendEntry>& legend) const override {
    if (options_.name.empty()) return;
    std::string sign = stroke("M0 5h22");
    if (options_.markers) {
      sign += points_path(options_.color, options_.width + 1,
                          point(shape_of(options_.color), 11, 5, options_.width + 1));
    }
    legend.push_back({options_.name, std::move(sign)});
  }

 private:
  // A new part after each gap. A value between two gaps is a dot, which has its marker in `dots`, too. What
  // lies on the same tenth of a pixel as the value before is left out.
  std::string path(const Plane& plane, std::string& dots) const {
    std::string result;
    std::vector<std::string> part;
    size_t last = 0;
    const auto finish = [&] {
      if (!part.empty()) result += fmt::format("M{}", fmt::join(part, "L"));
      if (part.size() == 1) {
        result += "h0";
        dots += point(shape_of(options_.color), plane.px(points_.x[last]), plane.py(points_.y[last]),
                      options_.width + 1);
      }
      part.clear();
    };
    for (size_t i = 0; i < points_.size(); ++i) {
      if (!plane.shows(points_.x[i], points_.y[i])) {
        finish();
        continue;
      }
      std::string place =
          fmt::format("{} {}", pixels(plane.px(points_.x[i])), pixels(plane.py(points_.y[i])));
      if (part.empty() || place != part.back()) part.push_back(std::move(place));
      last = i;
    }
    finish();
    return result;
  }

  // Lines of one colour are told apart by their strokes.
  bool dashed() const { return options_.dashed || options_.color / kColors % 2 == 1; }

  std::string stroke(const std::string& path) const {
    if (path.empty()) return {};
    return fmt::format(
        "<path class=\"l{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"{} "
        "d=\"{}\"/>\n",
        options_.color % kColors, pixels(options_.width),
        dashed() ? fmt::format(" stroke-dasharray=\"{0} {0}\"", pixels(3 * options_.width)) : "", path);
  }

  Pairs points_;
  LineOptions options_;
};

class Points final : public Mark {
 public:
  Points(Pairs points, PointOptions options) : points_(std::move(points)), options_(std::move(options)) {}
  void extend(Range& x, Range& y) const override { extend_by(points_, x, y); }
  std::string draw(const Plane& plane) const override {
    return all_points(points_, plane, options_.color, options_.radius);
  }
  void add_legend(std::vector<LegendEntry>& legend) const override {
    if (options_.name.empty()) return;
    const double radius = std::min(options_.radius, 5.0);
    legend.push_back(
        {options_.name, points_path(options_.color, radius, point(shape_of(options_.color), 11, 5, radius))});
  }

 private:
  Pairs points_;
  PointOptions options_;
};

class Bars final : public Mark {
 public:
  Bars(Pairs bars, BarOptions options) : bars_(std::move(bars)), options_(std::move(options)) {}
  void extend(Range& x, Range& y) const override {
    y.include(0);  // on a logarithmic axis that is nothing
    for (size_t i = 0; i < bars_.size(); ++i) {
      if (!x.shows(bars_.x[i]) || !y.shows(bars_.y[i])) continue;
      x.include(bars_.x[i] - options_.width / 2);
      x.include(bars_.x[i] + options_.width / 2);
      y.include(bars_.y[i]);
    }
  }
  std::string draw(const Plane& plane) const override {
    const double foot = plane.y.scale() == Scale::log ? plane.y.low() : 0;
    std::string path;
    for (size_t i = 0; i < bars_.size(); ++i) {
      const double left = bars_.x[i] - options_.width / 2, right = bars_.x[i] + options_.width / 2;
      if (!plane.shows(left, bars_.y[i]) || !plane.x.shows(right)) continue;
      path += fmt::format("M{} {}V{}H{}V{}z", pixels(plane.px(left)), pixels(plane.py(foot)),
                          pixels(plane.py(bars_.y[i])), pixels(plane.px(right)), pixels(plane.py(foot)));
    }
    return path.empty() ? path : area(path);
  }
  void add_legend(std::vector<LegendEntry>& legend) const override {
    if (!options_.name.empty()) legend.push_back({options_.name, area("M3 0h16v10h-16z")});
  }

 private:
  std::string area(const std::string& path) const {
    return fmt::format("<path class=\"f{}\" fill-opacity=\"0.75\" d=\"{}\"/>\n", options_.color % kColors,
                       path);
  }

  Pairs bars_;
  BarOptions options_;
};

class Words final : public Mark {
 public:
  Words(double x, double y, std::string words) : x_(x), y_(y), words_(std::move(words)) {}
  void extend(Range& x, Range& y) const override { extend_by({{x_}, {y_}}, x, y); }
  std::string draw(const Plane& plane) const override {
    return plane.shows(x_, y_) ? text_at(plane.px(x_), plane.py(y_), words_, Anchor::start, "s") : "";
  }

 private:
  double x_, y_;
  std::string words_;
};

}  // namespace

std::unique_ptr<Mark> make_line(const Values& x, const Values& y, const LineOptions& options) {
  check<ValueError>(options.width > 0 && std::isfinite(options.width), "line: need width > 0, got {}",
                    options.width);
  return std::make_unique<Line>(pairs("line", options.name, x, y), options);
}

std::unique_ptr<Mark> make_points(const Values& x, const Values& y, const PointOptions& options) {
  check<ValueError>(options.radius > 0 && std::isfinite(options.radius), "scatter: need radius > 0, got {}",
                    options.radius);
  return std::make_unique<Points>(pairs("scatter", options.name, x, y), options);
}

std::unique_ptr<Mark> make_bars(const Values& x, const Values& heights, const BarOptions& options) {
  check<ValueError>(options.width > 0 && std::isfinite(options.width), "bars: need width > 0, got {}",
                    options.width);
  return std::make_unique<Bars>(pairs("bars", options.name, x, heights), options);
}

std::unique_ptr<Mark> make_text(double x, double y, const std::string& words) {
  return std::make_unique<Words>(x, y, words);
}

}  // namespace dlengine::plot
