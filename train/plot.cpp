// Panels take what they are to draw; the figure puts them into a grid.
#include "dlengine/train/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/train/plot/panel.h"
#include "dlengine/train/plot/svg.h"

namespace dlengine {
namespace {

constexpr double kTitle = 30;     // height of a figure's title
constexpr double kPanelGap = 16;  // between panels, and around all
constexpr double kLeastPanel = 40;

/// Counts of the values in equal parts of low .. high.
std::vector<double> counts(const std::vector<double>& values, const plot::Ends& ends, int bins) {
  std::vector<double> result(static_cast<size_t>(bins), 0.0);
  for (const double value : values) {
    if (!(value >= ends.low && value <= ends.high)) continue;
    const auto bin = static_cast<int>((value - ends.low) / (ends.high - ends.low) * bins);
    result[static_cast<size_t>(std::min(bin, bins - 1))] += 1;
  }
  return result;
}

/// Images [N, H, W] in rows on one sheet, apart by a column or row without values.
Tensor tiled(const Tensor& images, const ImagesOptions& options) {
  const int64_t count = images.dim(0), height = images.dim(1), width = images.dim(2);
  const int64_t columns = std::min<int64_t>(options.columns, count), rows = (count + columns - 1) / columns;
  const int64_t sheet_width = columns * (width + 1) - 1, sheet_height = rows * (height + 1) - 1;
  std::vector<double> sheet(static_cast<size_t>(sheet_width * sheet_height),
                            std::numeric_limits<double>::quiet_NaN());
  const std::vector<double> pixels = images.to_vector<double>();
  const auto size = static_cast<size_t>(height * width);
  for (int64_t i = 0; i < count; ++i) {
    const auto first = pixels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(i) * size);
    const std::vector<double> image(first, first + static_cast<std::ptrdiff_t>(size));
    const plot::Ends ends = plot::ends_of(image, {}, {});
    const double range = ends.high > ends.low ? ends.high - ends.low : 1;
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double value = image[static_cast<size_t>(y * width + x)];
        const int64_t row = i / columns * (height + 1) + y, column = i % columns * (width + 1) + x;
        sheet[static_cast<size_t>(row * sheet_width + column)] =
            options.own_range ? (value - ends.low) / range : value;
      }
    }
  }
  return from_vector(sheet, {sheet_height, sheet_width});
}

}  // namespace

int Panel::Impl::color(int wanted) {
  check<ValueError>(wanted >= kNextColor, "plot: colours are numbers from 0 on, got {}", wanted);
  return wanted == kNextColor ? next_color++ : wanted;
}

void Panel::Impl::need_linear_axes(const char* who) const {
  check<ValueError>(options.x.scale == Scale::linear && options.y.scale == Scale::linear,
                    "{}: needs linear axes", who);
}

Panel::Panel(PanelOptions options) : impl_(std::make_unique<Impl>()) { impl_->options = std::move(options); }
Panel::Panel(Panel&&) noexcept = default;
Panel& Panel::operator=(Panel&&) noexcept = default;
Panel::~Panel() = default;

Panel& Panel::line(const Values& x, const Values& y, const LineOptions& options) {
  LineOptions colored = options;
  colored.color = impl_->color(options.color);
  impl_->marks.push_back(plot::make_line(x, y, colored));
  return *this;
}

Panel& Panel::scatter(const Values& x, const Values& y, const PointOptions& options) {
  PointOptions colored = options;
  colored.color = impl_->color(options.color);
  impl_->marks.push_back(plot::make_points(x, y, colored));
  return *this;
}

Panel& Panel::bars(const Values& x, const Values& heights, const BarOptions& options) {
  BarOptions colored = options;
  colored.color = impl_->color(options.color);
  impl_->marks.push_back(plot::make_bars(x, heights, colored));
  return *this;
}

Panel& Panel::histogram(const Values& values, const HistogramOptions& options) {
  check<ValueError>(options.bins >= 1, "histogram: need bins >= 1, got {}", options.bins);
  plot::Ends ends = plot::ends_of(values.numbers(), options.from, options.to);
  check<ValueError>(
      std::isfinite(ends.high - ends.low) && (ends.low < ends.high || !(options.from && options.to)),
      "histogram: need finite from < to, got {} and {}", ends.low, ends.high);
  if (!(ends.low < ends.high)) ends.high = ends.low + std::max(1.0, std::abs(ends.low));
  const double width = (ends.high - ends.low) / options.bins;
  std::vector<double> middles;
  for (int bin = 0; bin < options.bins; ++bin) middles.push_back(ends.low + width * (bin + 0.5));
  return bars(middles, counts(values.numbers(), ends, options.bins),
              {.name = options.name, .color = options.color, .width = width});
}

Panel& Panel::heat_map(const Tensor& values, const HeatMapOptions& options) {
  impl_->need_linear_axes("heat_map");
  impl_->marks.push_back(plot::make_cells(values, options));
  return *this;
}

Panel& Panel::images(const Tensor& images, const ImagesOptions& options) {
  check<ShapeError>((images.rank() == 2 || images.rank() == 3) && images.numel() > 0,
                    "images: need [N, H, W] or [H, W], got {}", images.shape());
  check<ValueError>(options.columns >= 1, "images: need columns >= 1, got {}", options.columns);
  impl_->options.equal_scales = true;
  HeatMapOptions cells{.colors = options.colors,
                       .low = options.low,
                       .high = options.high,
                       .label = options.label,
                       .color_bar = options.color_bar};
  if (options.own_range) cells.low = 0, cells.high = 1;
  return heat_map(tiled(images.rank() == 2 ? images.unsqueeze(0) : images, options), cells);
}

Panel& Panel::contour(const Tensor& values, const ContourOptions& options) {
  impl_->need_linear_axes("contour");
  impl_->marks.push_back(plot::make_contour(values, options));
  return *this;
}

Panel& Panel::text(double x, double y, const std::string& words) {
  impl_->marks.push_back(plot::make_text(x, y, words));
  return *this;
}

Figure::Figure(const FigureOptions& options) : options_(options) {
  check<ValueError>(options.columns >= 1, "Figure: need columns >= 1, got {}", options.columns);
  check<ValueError>(options.panel_width >= kLeastPanel && options.panel_height >= kLeastPanel,
                    "Figure: need panels of {} pixels or more, got {} x {}", kLeastPanel, options.panel_width,
                    options.panel_height);
}
Figure::Figure(Figure&&) noexcept = default;
Figure& Figure::operator=(Figure&&) noexcept = default;
Figure::~Figure() = default;

Panel& Figure::panel(const PanelOptions& options) {
  return *panels_.emplace_back(std::make_unique<Panel>(options));
}

std::string Figure::svg() const {
  const auto count = static_cast<int64_t>(panels_.size());
  const int64_t columns = std::clamp<int64_t>(count, 1, options_.columns);
  const int64_t rows = std::max<int64_t>(1, (count + columns - 1) / columns);
  const double above = options_.title.empty() ? 0 : kTitle;
  const double step_x = options_.panel_width + kPanelGap, step_y = options_.panel_height + kPanelGap;
  const std::string width = plot::pixels(static_cast<double>(columns) * step_x + kPanelGap);
  const std::string height = plot::pixels(static_cast<double>(rows) * step_y + kPanelGap + above);
  std::string result = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\">\n",
      width, height);
  if (!options_.title.empty()) result += "<title>" + plot::escaped(options_.title) + "</title>\n";
  result += plot::style() + "<rect class=\"p\" width=\"100%\" height=\"100%\"/>\n";
  const double title_width = static_cast<double>(columns) * step_x - kPanelGap - 8;
  result += plot::text_at(kPanelGap + 8, 28, plot::shortened_title(options_.title, title_width),
                          plot::Anchor::start, "h");
  for (int64_t i = 0; i < count; ++i) {
    const Panel::Impl& panel = *panels_[static_cast<size_t>(i)]->impl_;
    result += fmt::format("<g transform=\"translate({} {})\">\n",
                          plot::pixels(kPanelGap + static_cast<double>(i % columns) * step_x),
                          plot::pixels(kPanelGap + above + static_cast<double>(i / columns) * step_y));
    result +=
        plot::draw_panel(panel.options, panel.marks, options_.panel_width, options_.panel_height) + "</g>\n";
  }
  return result + "</svg>\n";
}

void Figure::save(const std::string& path) const {
  const std::string text = svg();
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

Tensor grid_points(const Extent& extent, int64_t columns, int64_t rows) {
  check<ValueError>(columns >= 1 && rows >= 1, "grid_points: need 1 or more columns and rows, got {} and {}",
                    columns, rows);
  plot::check_extent("grid_points", extent);
  std::vector<float> points;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const double right = (static_cast<double>(column) + 0.5) / static_cast<double>(columns);
      const double up = (static_cast<double>(row) + 0.5) / static_cast<double>(rows);
      points.push_back(static_cast<float>(extent.x_from + (extent.x_to - extent.x_from) * right));
      points.push_back(static_cast<float>(extent.y_from + (extent.y_to - extent.y_from) * up));
    }
  }
  return from_vector(points, {rows * columns, 2});
}

}  // namespace dlengine
