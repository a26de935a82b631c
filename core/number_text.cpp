// Columns of numbers, after FloatingFormat in numpy/core/arrayprint.py.
#include "dlengine/core/number_text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

constexpr int kPrecision = 8;  // digits behind the point, at most

/// What a tensor of this type holds for x.
double rounded_to(DType dtype, double x) {
  switch (dtype) {
    case DType::f16: return static_cast<float>(Half(static_cast<float>(x)));
    case DType::bf16: return static_cast<float>(BFloat16(static_cast<float>(x)));
    case DType::f32: return static_cast<float>(x);
    case DType::f64:
    case DType::u8:
    case DType::i32:
    case DType::i64:
    case DType::boolean: break;
  }
  return x;
}

/// The fewest digits that no other number of the type has: "d.ddde+xx".
std::string shortest(double x, DType dtype) {
  for (int digits = 0; digits < 17; ++digits) {
    std::string text = fmt::format("{:.{}e}", x, digits);
    if (rounded_to(dtype, std::strtod(text.c_str(), nullptr)) == x) return text;
  }
  return fmt::format("{:.16e}", x);
}

/// One number cut into the parts that columns are made of.
struct Parts {
  std::string whole;     // with the sign
  std::string fraction;  // digits behind the point
  std::string exponent;  // its sign and digits, or nothing
};

std::string fraction_of(const std::string& text) {
  const size_t end = std::min(text.find('e'), text.size()), point = std::min(text.find('.'), end);
  return point < end ? text.substr(point + 1, end - point - 1) : std::string();
}

/// Without zeros at the end of the fraction.
Parts parts_of(const std::string& text) {
  const size_t end = std::min(text.find('e'), text.size());
  Parts parts{text.substr(0, std::min(text.find('.'), end)), fraction_of(text),
              end < text.size() ? text.substr(end + 1) : std::string()};
  parts.fraction.erase(parts.fraction.find_last_not_of('0') + 1);
  return parts;
}

Parts scientific(double x, DType dtype) {
  const Parts parts = parts_of(shortest(x, dtype));
  return parts.fraction.size() <= kPrecision ? parts : parts_of(fmt::format("{:.{}e}", x, kPrecision));
}

Parts positional(double x, DType dtype) {
  const std::string digits = shortest(x, dtype);
  const Parts parts = parts_of(digits);
  const int behind = static_cast<int>(parts.fraction.size()) - std::atoi(parts.exponent.c_str());
  const double value = behind > kPrecision ? x : std::strtod(digits.c_str(), nullptr);
  return parts_of(fmt::format("{:.{}f}", value, std::clamp(behind, 0, kPrecision)));
}

/// True where the sizes are so far apart, or so small or large, that powers of ten read better.
bool wants_exponents(const std::vector<double>& values) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const double value : values) {
    if (!std::isfinite(value) || value == 0) continue;
    least = std::min(least, std::abs(value));
    most = std::max(most, std::abs(value));
  }
  return most > 0 && (most >= 1e8 || least < 1e-4 || most / least > 1000);
}

/// The sizes of the columns that the parts of all finite numbers fill.
struct Columns {
  size_t whole = 0, fraction = 0, exponent = 0;

  void widen(const Parts& parts) {
    whole = std::max(whole, parts.whole.size());
    fraction = std::max(fraction, parts.fraction.size());
    exponent = std::max(exponent, parts.exponent.size());
  }
  size_t behind_whole() const { return 1 + fraction + (exponent > 0 ? 1 + exponent : 0); }
};

std::string text_of(const Parts& parts, const Columns& columns) {
  const std::string start(columns.whole - parts.whole.size(), ' ');
  const std::string rest(columns.fraction - parts.fraction.size(), parts.exponent.empty() ? ' ' : '0');
  std::string text = start + parts.whole + "." + parts.fraction + rest;
  if (parts.exponent.empty()) return text;
  const std::string zeros(columns.exponent - parts.exponent.size(), '0');
  return text + "e" + parts.exponent[0] + zeros + parts.exponent.substr(1);
}

std::string name_of(double infinite_or_nan) {
  return std::isnan(infinite_or_nan) ? "nan" : infinite_or_nan < 0 ? "-inf" : "inf";
}

}  // namespace

std::vector<std::string> number_texts(const std::vector<double>& values, DType dtype) {
  const bool exponents = wants_exponents(values);
  std::vector<Parts> parts;
  Columns columns;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      parts.emplace_back();
      continue;
    }
    parts.push_back(exponents ? scientific(value, dtype) : positional(value, dtype));
    columns.widen(parts.back());
  }
  for (const double value : values) {
    if (std::isfinite(value)) continue;
    const size_t needed = name_of(value).size(), room = columns.behind_whole();
    if (needed > room) columns.whole = std::max(columns.whole, needed - room);
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < values.size(); ++i) {
    // Beyond its own digits a number in powers of ten goes on with those of its exact value.
    if (exponents) parts[i].fraction = fraction_of(fmt::format("{:.{}e}", values[i], columns.fraction));
    const bool finite = std::isfinite(values[i]);
    const std::string text = finite ? text_of(parts[i], columns) : name_of(values[i]);
    texts.push_back(std::string(columns.whole + columns.behind_whole() - text.size(), ' ') + text);
  }
  return texts;
}

}  // namespace dlengine
