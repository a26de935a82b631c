// Escaping, the style sheet and colours.
#include "dlengine/train/plot/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace dlengine::plot {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Bytes of the character that begins the text; 0 if it is none that XML 1.0 knows.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  uint32_t code = first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool too_long = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool no_character = (0xD800 <= code && code < 0xE000) || code == 0xFFFE || code == 0xFFFF;
  return too_long || no_character || code > 0x10FFFF ? 0 : length;
}

std::string_view escape_of(char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    default: return {};
  }
}

struct Rgb {
  double r, g, b;
};

// Okabe and Ito's colours, darkened or lightened until each stands out from its paper.
constexpr std::array<const char*, kColors> kLight = {"#0072b2", "#d55e00", "#008f68", "#b5578e",
                                                     "#a87500", "#4a9ccb", "#6e7781"};
constexpr std::array<const char*, kColors> kDark = {"#4ea8e8", "#f07c2e", "#2bc295", "#dc8fba",
                                                    "#e6b030", "#9ad4f7", "#9da7b3"};

// Nine colours of Viridis (van der Walt and Smith, matplotlib), from which the others are mixed.
constexpr std::array<Rgb, 9> kViridis = {{{68, 1, 84},
                                          {71, 44, 122},
                                          {59, 81, 139},
                                          {44, 113, 142},
                                          {33, 144, 141},
                                          {39, 173, 129},
                                          {92, 200, 99},
                                          {170, 220, 50},
                                          {253, 231, 37}}};
constexpr std::array<Rgb, 5> kBlueToRed = {
    {{33, 102, 172}, {146, 197, 222}, {247, 247, 247}, {244, 165, 130}, {178, 24, 43}}};
constexpr std::array<Rgb, 2> kBlackToWhite = {{{0, 0, 0}, {255, 255, 255}}};

template <size_t N>
Rgb mixed(const std::array<Rgb, N>& colors, double share) {
  const double place = std::clamp(share, 0.0, 1.0) * static_cast<double>(N - 1);
  const auto first = std::min(static_cast<size_t>(place), N - 2);
  const double t = place - static_cast<double>(first);
  const auto mix = [t](double a, double b) { return a + (b - a) * t; };
  const Rgb &a = colors[first], &b = colors[first + 1];
  return {mix(a.r, b.r), mix(a.g, b.g), mix(a.b, b.b)};
}

Rgb rgb_at(ColorMap map, double share) {
  switch (map) {
    case ColorMap::diverging: return mixed(kBlueToRed, share);
    case ColorMap::gray: return mixed(kBlackToWhite, share);
    default: return mixed(kViridis, share);
  }
}

std::string series_colors(const std::array<const char*, kColors>& colors) {
  std::string css;
  for (size_t i = 0; i < colors.size(); ++i) {
    css += fmt::format(".l{0}{{stroke:{1}}}.f{0}{{fill:{1}}}", i, colors[i]);
  }
  return css;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t length = character_length(text);
    const std::string_view escape = escape_of(text[0]);
    if (length == 0) {
      result += kReplacement;
    } else {
      result += escape.empty() ? text.substr(0, length) : escape;
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

std::string pixels(double value) {
  const double tenths = std::round(value * 10);
  std::string text = fmt::format("{:.1f}", tenths / 10 + 0.0);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

double text_width(std::string_view text, double font_size) {
  const auto characters = std::count_if(text.begin(), text.end(),
                                        [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
  const auto wide = std::count_if(text.begin(), text.end(), [](char c) {
    return std::string_view("mwMW").find(c) != std::string_view::npos;
  });
  return font_size * (0.56 * static_cast<double>(characters) + 0.4 * static_cast<double>(wide));
}

std::string shortened_title(const std::string& title, double width) {
  constexpr double kFontSize = 13;
  if (text_width(title, kFontSize) <= width) return title;
  std::string_view rest = title;
  const auto drop_character = [&] {
    while (!rest.empty() && (static_cast<uint8_t>(rest.back()) & 0xC0) == 0x80) rest.remove_suffix(1);
    if (!rest.empty()) rest.remove_suffix(1);
  };
  while (!rest.empty() && (rest.ends_with(' ') || text_width(rest, kFontSize) + kFontSize > width)) {
    drop_character();
  }
  return std::string(rest) + "\u2026";
}

std::string text_at(double x, double y, std::string_view text, Anchor anchor, std::string_view css,
                    bool turned) {
  if (text.empty()) return {};
  const std::string place =
      turned ? fmt::format("transform=\"translate({} {}) rotate(-90)\"", pixels(x), pixels(y))
             : fmt::format("x=\"{}\" y=\"{}\"", pixels(x), pixels(y));
  const char* side = anchor == Anchor::middle ? " text-anchor=\"middle\""
                     : anchor == Anchor::end  ? " text-anchor=\"end\""
                                              : "";
  return fmt::format("<text class=\"{}\" {}{}>{}</text>\n", css, place, side, escaped(text));
}

std::string style() {
  return fmt::format(
      "<style>"
      "text{{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}}"
      ".t{{font-size:12px}}.s{{font-size:11px}}.h{{font-size:13px;font-weight:600}}"
      "path,line{{fill:none}}.g,.e,.m{{stroke-width:1}}"
      ".p{{fill:#ffffff}}.t,.h{{fill:#1f2328}}.s{{fill:#4d5761}}.g{{stroke:#e3e7eb}}.e{{stroke:#8c959f}}"
      ".m{{stroke:#6e7781}}{}"
      "@media (prefers-color-scheme:dark){{"
      ".p{{fill:#0d1117}}.t,.h{{fill:#e6edf3}}.s{{fill:#a9b3bd}}.g{{stroke:#262c34}}.e{{stroke:#6e7681}}"
      ".m{{stroke:#8b949e}}{}}}"
      "</style>\n",
      series_colors(kLight), series_colors(kDark));
}

std::string color_at(ColorMap map, double share) {
  const Rgb color = rgb_at(map, share);
  const auto byte = [](double value) { return static_cast<int>(std::lround(value)); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(color.r), byte(color.g), byte(color.b));
}

}  // namespace dlengine::plot
