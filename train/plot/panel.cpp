// Where the parts of a panel stand: title and legend on top, numbers and labels around the frame.
#include "dlengine/train/plot/panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "dlengine/train/plot/svg.h"

namespace dlengine::plot {
namespace {

constexpr double kSmall = 11;                 // font size of ticks and legends
constexpr double kRow = 16;                   // of a legend
constexpr double kSign = 22, kSignGap = 6;    // of a legend's entry
constexpr double kBar = 12, kBarColumn = 62;  // the bar of colours, and all that it takes
constexpr double kTickSpacingX = 64, kTickSpacingY = 40;

struct Margins {
  double left = 8, top = 8, right = 12, bottom = 8;
};

class PanelDrawing {
 public:
  PanelDrawing(const PanelOptions& options, const Marks& marks, double width, double height)
      : options_(options),
        marks_(marks),
        width_(width),
        height_(height),
        x_(options.x.scale),
        y_(options.y.scale) {
    for (const auto& mark : marks) {
      mark->extend(x_, y_);
      mark->add_legend(legend_);
      tight_ |= mark->tight();
      rows_down_ |= mark->rows_down();
      if (!colors_) colors_ = mark->color_scale();
    }
    if (colors_) margins_.right += kBarColumn;
    if (options.axes) {
      margins_.bottom = 22 + (options.x.label.empty() ? 0 : 18);
      margins_.left = left_margin();
    }
    place_legend();
    margins_.top += (options.title.empty() ? 0 : 20) + legend_rows_ * kRow + (legend_rows_ > 0 ? 4 : 0);
    if (options.axes) margins_.left = std::max(margins_.left, left_margin());  // for the ticks of less height
  }

  std::string operator()() const {
    const Plane plane = this->plane();
    const std::string title = shortened_title(options_.title, width_ - margins_.left);
    std::string result = text_at(margins_.left, 19, title, Anchor::start, "h");
    result += legend();
    if (options_.axes) result += ticks_of(plane);
    // An inner <svg> cuts off what lies outside of the frame.
    result += fmt::format("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" overflow=\"hidden\">\n",
                          pixels(margins_.left), pixels(margins_.top), pixels(frame_width()),
                          pixels(frame_height()));
    for (const auto& mark : marks_) result += mark->draw(plane);
    result += "</svg>\n";
    if (options_.axes) result += frame();
    return colors_ ? result + color_bar() : result;
  }

 private:
  double frame_width() const { return std::max(1.0, width_ - margins_.left - margins_.right); }
  double frame_height() const { return std::max(1.0, height_ - margins_.top - margins_.bottom); }

  AxisMap y_axis() const {
    Axis options = options_.y;
    if (rows_down_ && !options.from && !options.to) {
      options.from = y_.high();
      options.to = y_.low();
    }
    return make_axis(options, y_, frame_height(), tight_);
  }

  Plane plane() const {
    const AxisMap x = make_axis(options_.x, x_, frame_width(), tight_), y = y_axis();
    if (!options_.equal_scales) return {x, y};
    const double x_unit = x.length() / (x.high() - x.low()), y_unit = y.length() / (y.high() - y.low());
    return {x.widened(std::max(1.0, x_unit / y_unit)), y.widened(std::max(1.0, y_unit / x_unit))};
  }

  double left_margin() const {
    double widest = 0;
    for (const Tick& tick : ticks(y_axis(), options_.y.names, kTickSpacingY)) {
      widest = std::max(widest, text_width(tick.text, kSmall));
    }
    return widest + 12 + (options_.y.label.empty() ? 0 : 18);
  }

  std::string ticks_of(const Plane& plane) const {
    const double left = margins_.left, top = margins_.top;
    const double right = left + frame_width(), bottom = top + frame_height();
    std::string grid, text;
    for (const Tick& tick : ticks(plane.x, options_.x.names, kTickSpacingX)) {
      const double x = left + plane.px(tick.value);
      grid += fmt::format("M{} {}V{}", pixels(x), pixels(top), pixels(bottom));
      text += text_at(x, bottom + 15, tick.text, Anchor::middle, "s");
    }
    for (const Tick& tick : ticks(plane.y, options_.y.names, kTickSpacingY)) {
      const double y = top + plane.py(tick.value);
      grid += fmt::format("M{} {}H{}", pixels(left), pixels(y), pixels(right));
      text += text_at(left - 6, y + 4, tick.text, Anchor::end, "s");
    }
    text += text_at((left + right) / 2, bottom + 34, options_.x.label, Anchor::middle);
    text += text_at(14, (top + bottom) / 2, options_.y.label, Anchor::middle, "t", true);
    return (grid.empty() ? "" : fmt::format("<path class=\"g\" d=\"{}\"/>\n", grid)) + text;
  }

  std::string frame() const {
    return fmt::format("<path class=\"e\" d=\"M{} {}h{}v{}h{}z\"/>\n", pixels(margins_.left),
                       pixels(margins_.top), pixels(frame_width()), pixels(frame_height()),
                       pixels(-frame_width()));
  }

  // Entries from the left, as many in a row as there is room for.
  void place_legend() {
    double x = margins_.left;
    for (const LegendEntry& entry : legend_) {
      const double width = kSign + kSignGap + text_width(entry.name, kSmall) + 14;
      if (legend_rows_ == 0 || x + width > width_) {
        ++legend_rows_;
        x = margins_.left;
      }
      places_.push_back({x, legend_rows_ - 1});
      x += width;
    }
  }

  std::string legend() const {
    std::string result;
    const double top = options_.title.empty() ? 10 : 30;
    for (size_t i = 0; i < legend_.size(); ++i) {
      const double x = places_[i].x, y = top + places_[i].row * kRow;
      result += fmt::format("<g transform=\"translate({} {})\">{}</g>\n", pixels(x), pixels(y - 1),
                            legend_[i].sign);
      result += text_at(x + kSign + kSignGap, y + 8, legend_[i].name, Anchor::start, "s");
    }
    return result;
  }

  std::string color_bar() const {
    constexpr int kParts = 32;
    const double left = width_ - kBarColumn, top = margins_.top, height = frame_height();
    std::string result = "<g shape-rendering=\"crispEdges\">";
    for (int i = 0; i < kParts; ++i) {
      result += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n",
                            pixels(left), pixels(top + height * (kParts - 1 - i) / kParts), pixels(kBar),
                            pixels(height / kParts + 0.6), color_at(colors_->colors, i / (kParts - 1.0)));
    }
    result += "</g>\n";
    Range range(Scale::linear);
    const AxisMap axis = make_axis({.from = colors_->low, .to = higher(*colors_)}, range, height, true);
    for (const Tick& tick : ticks(axis, {}, kTickSpacingY)) {
      result += text_at(left + kBar + 4, top + height - axis(tick.value) + 4, tick.text, Anchor::start, "s");
    }
    return result + text_at(width_ - 4, top + height / 2, colors_->label, Anchor::middle, "s", true);
  }

  static double higher(const ColorScale& scale) {
    return scale.high > scale.low ? scale.high : scale.low + std::max(1.0, std::abs(scale.low));
  }

  struct Place {
    double x;
    int row;
  };

  const PanelOptions& options_;
  const Marks& marks_;
  double width_, height_;
  Range x_, y_;
  bool tight_ = false, rows_down_ = false;
  std::vector<LegendEntry> legend_;
  std::vector<Place> places_;
  int legend_rows_ = 0;
  std::optional<ColorScale> colors_;
  Margins margins_;
};

}  // namespace

std::string draw_panel(const PanelOptions& options, const Marks& marks, double width, double height) {
  return PanelDrawing(options, marks, width, height)();
}

}  // namespace dlengine::plot
