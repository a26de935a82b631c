// Boxes with text, and curves between them.
#include "dlengine/train/diagram_svg.h"

#include <algorithm>

#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/train/plot/layered.h"
#include "dlengine/train/plot/svg.h"

namespace dlengine {
namespace {

constexpr double kMargin = 14;    // around all
constexpr double kPadding = 10;   // between a box and its text
constexpr double kLine = 15;      // height of a line of text
constexpr double kFontSize = 12;  // of the widest class of text
constexpr double kArrowHead = 5;  // pixels

plot::BoxSize size_of_box(const Diagram::Box& box) {
  double width = 0;
  for (const std::string& line : box.lines) width = std::max(width, plot::text_width(line, kFontSize));
  return {width + 2 * kPadding, static_cast<double>(box.lines.size()) * kLine + kPadding};
}

/// Colours of series (train/plot/svg.h) stand for the kinds.
std::string style_of(Diagram::Kind kind) {
  switch (kind) {
    case Diagram::Kind::operation: return "class=\"p e\"";
    case Diagram::Kind::input: return "class=\"p l0\" stroke-width=\"1.5\"";
    case Diagram::Kind::parameter: return "class=\"p l2\" stroke-width=\"1.5\" stroke-dasharray=\"5 3\"";
    case Diagram::Kind::result: return "class=\"p l1\" stroke-width=\"2\"";
  }
  return "";
}

std::string drawn(const Diagram::Box& box, const plot::BoxSize& size, plot::Point at) {
  std::string text = fmt::format("<rect {} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>\n",
                                 style_of(box.kind), plot::pixels(at.x), plot::pixels(at.y),
                                 plot::pixels(size.width), plot::pixels(size.height));
  for (size_t i = 0; i < box.lines.size(); ++i) {
    const double y = at.y + kPadding / 2 + kLine * (static_cast<double>(i) + 0.75);
    text += plot::text_at(at.x + size.width / 2, y, box.lines[i], plot::Anchor::middle, i == 0 ? "t" : "s");
  }
  return text;
}

std::string place(plot::Point point) { return plot::pixels(point.x) + " " + plot::pixels(point.y); }

/// A curve that leaves and arrives upright, with a head.
std::string drawn(const std::vector<plot::Point>& way) {
  std::string path = "M" + place(way[0]);
  for (size_t i = 1; i < way.size(); ++i) {
    const double middle = (way[i - 1].y + way[i].y) / 2;
    path += " C" + place({way[i - 1].x, middle}) + " " + place({way[i].x, middle}) + " " + place(way[i]);
  }
  const plot::Point end = way.back();
  const double above = end.y - kArrowHead - 1;
  return fmt::format("<path class=\"m\" d=\"{} M{} L{} L{}\"/>\n", path,
                     place({end.x - kArrowHead + 1, above}), place(end),
                     place({end.x + kArrowHead - 1, above}));
}

}  // namespace

std::string to_svg(const Diagram& diagram) {
  std::vector<plot::BoxSize> sizes;
  for (const Diagram::Box& box : diagram.boxes) sizes.push_back(size_of_box(box));
  plot::Layered layered = plot::place_in_layers(diagram, sizes);
  const std::string width = plot::pixels(layered.width + 2 * kMargin);
  const std::string height = plot::pixels(layered.height + 2 * kMargin);
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\">\n{2}"
      "<rect class=\"p\" width=\"{0}\" height=\"{1}\"/>\n<g transform=\"translate({3} {3})\">\n",
      width, height, plot::style(), plot::pixels(kMargin));
  for (size_t i = 0; i < diagram.arrows.size(); ++i) {
    const std::vector<plot::Point>& way = layered.arrows[i];
    text += drawn(way);
    text += plot::text_at((way[0].x + way[1].x) / 2 + 5, (way[0].y + way[1].y) / 2, diagram.arrows[i].text,
                          plot::Anchor::start, "s");
  }
  for (size_t i = 0; i < diagram.boxes.size(); ++i)
    text += drawn(diagram.boxes[i], sizes[i], layered.boxes[i]);
  return text + "</g>\n</svg>\n";
}

void save_svg(const Diagram& diagram, const std::string& path) {
  const std::string text = to_svg(diagram);
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace dlengine
