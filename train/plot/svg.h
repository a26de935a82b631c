// Internal: text that is SVG.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dlengine/train/plot.h"

namespace dlengine::plot {

/// Series' colours before they begin again.
inline constexpr int kColors = 7;

/// Text as XML holds it: markup is escaped, and what XML 1.0 or UTF-8 does not know becomes U+FFFD.
std::string escaped(std::string_view text);
/// A position in pixels, to a tenth.
std::string pixels(double value);
/// About how wide the text is in the font size, in pixels.
double text_width(std::string_view text, double font_size);

/// A title as it is, or its beginning with an ellipsis if it is wider than so many pixels.
std::string shortened_title(const std::string& title, double width);

enum class Anchor : char { start, middle, end };
/// <text> at (x, y) in a class of the style sheet; turned = from bottom to top.
std::string text_at(double x, double y, std::string_view text, Anchor anchor = Anchor::start,
                    std::string_view css = "t", bool turned = false);

/// The style sheet. Classes, as renderers beyond browsers know no variables: p paper, t s h text in three
/// sizes, g grid, e edges, m muted lines; l0, l1, ... lines and f0, f1, ... areas in the colours of series.
std::string style();

/// "#rrggbb" at a share 0 .. 1 of a colour map that has a range.
std::string color_at(ColorMap map, double share);

}  // namespace dlengine::plot
