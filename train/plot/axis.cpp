// Ranges, scales and ticks.
#include "dlengine/train/plot/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dlengine/core/check.h"

namespace dlengine::plot {
namespace {

constexpr double kRoom = 0.04;        // of the range, at each end
constexpr double kLargest = 1e300;    // whose differences are finite
constexpr double kSmallest = 1e-300;  // on a logarithmic axis
constexpr double kExponent = 307;     // of the ends of one: with more they would be 0 or infinite
constexpr double kShortest = 1e-9;    // range, relative to the ends: numbers must differ along the axis

double scaled(double value, Scale scale) { return scale == Scale::log ? std::log10(value) : value; }
double unscaled(double value, Scale scale) {
  return scale == Scale::log ? std::pow(10.0, std::clamp(value, -kExponent, kExponent)) : value;
}

/// The smallest of 1, 2, 5, 10, ... * 10^n that is not below.
double round_up(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= value * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

/// 0.25, 1200, 1e-5: short, and the same number of decimals for all ticks of one step.
std::string tick_text(double value, double step) {
  if (value == 0) return "0";
  const double size = std::max(std::abs(value), step);
  if (size >= 1e6 || step < 1e-4) {
    const double exponent = std::floor(std::log10(std::abs(value)) + 1e-9);
    const double mantissa = value / std::pow(10.0, exponent);
    return fmt::format("{:.4g}e{}", mantissa, static_cast<int>(exponent));
  }
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

std::string power_text(double value) {
  if (value >= 1e-3 && value < 1e5) return fmt::format("{:g}", value);
  const double exponent = std::floor(std::log10(value) + 1e-9);
  return fmt::format("{:.3g}e{}", value / std::pow(10.0, exponent), static_cast<int>(exponent));
}

std::vector<Tick> linear_ticks(double low, double high, double count) {
  const std::vector<double> values = round_numbers(low, high, count);
  const double step = values.size() > 1 ? values[1] - values[0] : std::max(high - low, 1e-300);
  std::vector<Tick> result;
  for (const double value : values) result.push_back({value, tick_text(value, step)});
  return result;
}

/// Powers of ten, or some of them; with 2 and 5 in between where there is room.
std::vector<Tick> log_ticks(double low, double high, double count) {
  const double first = std::ceil(std::log10(low) - 1e-9), last = std::floor(std::log10(high) + 1e-9);
  const double decades = std::log10(high / low);
  const double stride = std::max(1.0, std::ceil(decades / std::max(count, 1.0)));
  const bool between = 3 * decades <= count;
  std::vector<Tick> result;
  for (double exponent = first - 1; exponent <= last; exponent += 1) {
    if (std::fmod(std::abs(exponent), stride) > 0.5) continue;
    for (const double factor : between ? std::vector{1.0, 2.0, 5.0} : std::vector{1.0}) {
      const double value = factor * std::pow(10.0, exponent);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9))
        result.push_back({value, power_text(value)});
    }
  }
  return result.size() < 2 ? linear_ticks(low, high, count) : result;
}

void check_end(const std::optional<double>& end, Scale scale, const std::string& label) {
  const double value = end.value_or(1);
  check<ValueError>(Range(scale).shows(value), "axis '{}': cannot end at {}{}", label, value,
                    scale == Scale::log ? " on a logarithmic scale" : "");
}

}  // namespace

bool too_short(double from, double to) {
  return std::abs(to - from) <= kShortest * std::max(std::abs(from), std::abs(to));
}

bool Range::shows(double value) const {
  return std::abs(value) < kLargest && (scale_ == Scale::linear || value > kSmallest);
}

AxisMap::AxisMap(double from, double to, Scale scale, double length)
    : from_(from), to_(to), scale_(scale), length_(length) {}

double AxisMap::operator()(double value) const {
  const double a = scaled(from_, scale_), b = scaled(to_, scale_);
  return (scaled(value, scale_) - a) / (b - a) * length_;
}

bool AxisMap::shows(double value) const { return Range(scale_).shows(value); }

AxisMap AxisMap::widened(double factor) const {
  const double a = scaled(from_, scale_), b = scaled(to_, scale_);
  const double middle = (a + b) / 2, half = (b - a) / 2 * factor;
  return {unscaled(middle - half, scale_), unscaled(middle + half, scale_), scale_, length_};
}

AxisMap make_axis(const Axis& options, const Range& shown, double length, bool tight) {
  check_end(options.from, options.scale, options.label);
  check_end(options.to, options.scale, options.label);
  const double low = shown.empty() ? (options.scale == Scale::log ? 0.1 : 0) : shown.low();
  const double high = shown.empty() ? 1 : shown.high();
  const bool down = options.from && options.to && *options.from > *options.to;
  double from = scaled(options.from.value_or(low), options.scale);
  double to = scaled(options.to.value_or(high), options.scale);
  if (!down &&
      (to <= from || too_short(from, to))) {  // one value alone, or nothing on this side of a given end
    const double half = from == 0 ? 1 : std::max(0.1 * std::abs(from), 1e-12);
    if (!options.from) from = to - half;
    if (!options.to) to = from + 2 * half;
  }
  check<ValueError>(!too_short(from, to), "axis '{}': begins and ends at {}", options.label,
                    options.from.value_or(low));
  const double room = tight ? 0 : kRoom * (to - from);
  if (!options.from) from -= room;
  if (!options.to) to += room;
  return {unscaled(from, options.scale), unscaled(to, options.scale), options.scale, length};
}

std::vector<double> round_numbers(double low, double high, double count) {
  const double step = round_up((high - low) / std::max(count, 1.0));
  std::vector<double> values;
  const double slack = 1e-9 * (high - low);
  const double first = std::ceil((low - slack) / step);
  for (int i = 0; (first + i) * step <= high + slack; ++i) {  // first += 1 may change nothing
    const double number = first + i == 0 ? 0 : (first + i) * step;
    if (values.empty() || number > values.back()) values.push_back(number);
  }
  return values;
}

std::vector<Tick> ticks(const AxisMap& axis, const std::vector<std::string>& names, double spacing) {
  std::vector<Tick> result;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto value = static_cast<double>(i);
    if (axis.low() <= value && value <= axis.high()) result.push_back({value, names[i]});
  }
  if (!names.empty()) return result;
  const double count = axis.length() / spacing;
  return axis.scale() == Scale::log ? log_ticks(axis.low(), axis.high(), count)
                                    : linear_ticks(axis.low(), axis.high(), count);
}

}  // namespace dlengine::plot
