// Each digit: points of a stroke style, jittered; a curve through them; a random affine map and smooth waves
// that bend it (elastic distortion, after Simard, Steinkraus, Platt: Best Practices for CNNs, ICDAR 2003); a
// pen of random width; noise.
#include "dlengine/data/synthetic_digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/philox.h"
#include "dlengine/data/digit_strokes.h"

namespace dlengine {

namespace {

constexpr int kSide = 28;
constexpr int kClasses = 10;
constexpr int kCurveSteps = 5;  // straight pieces between two points of a stroke

/// Random stream of image i is this plus i, away from those of a Generator with the same seed.
constexpr uint64_t kImageStreams = uint64_t{1} << 61;

// How much the digits differ; chosen so that a small CNN is right on 98 to 99.5 % of them.
constexpr float kJitter = 0.035f;      // of points, in digit heights
constexpr float kRotation = 0.16f;     // standard deviation, radians
constexpr float kMeanSlant = 0.1f;     // to the right, as most people write; width per height
constexpr float kSlant = 0.2f;         // standard deviation
constexpr float kShift = 1.6f;         // at most, pixels
constexpr float kWaveHeight = 0.9f;    // at most, pixels, of each of two waves
constexpr float kMinInk = 0.75f;       // of the pen that presses least
constexpr float kPixelNoise = 0.05f;   // standard deviation at most
constexpr float kStrayStroke = 0.08f;  // share of images with a short stroke too many

/// Random numbers of one image, one after the other.
class Draws {
 public:
  explicit Draws(PhiloxKey key) : key_(key) {}

  uint32_t bits() {
    if (used_ == 4) {
      block_ = philox(key_, next_block_++);
      used_ = 0;
    }
    return block_.word[used_++];
  }
  float uniform(float low, float high) { return low + (high - low) * uniform_from_bits(bits()); }
  int below(int count) { return static_cast<int>(uniform_from_bits(bits()) * static_cast<float>(count)); }
  /// Nearly normal, mean 0, deviation 1, never beyond 3.5: sum of four bytes of one word, each uniform.
  float normal() {
    const uint32_t word = bits();
    const int sum = static_cast<int>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
    constexpr float kDeviation = 147.8f;  // sqrt(4 * (256^2 - 1) / 12)
    return (static_cast<float>(sum) - 510.0f) / kDeviation;
  }

 private:
  PhiloxKey key_;
  PhiloxBlock block_{};
  uint64_t next_block_ = 0;
  int used_ = 4;
};

/// From digit coordinates to pixels: affine, then two waves across the image.
class Distortion {
 public:
  explicit Distortion(Draws& draws) {
    const float angle = kRotation * draws.normal();
    const float slant = kMeanSlant + kSlant * draws.normal();
    const float height = draws.uniform(16, 21);
    const float width = height * draws.uniform(0.62f, 1.05f);
    const float c = std::cos(angle), s = std::sin(angle);
    xx_ = c * width, xy_ = -c * slant * height - s * height;
    yx_ = s * width, yy_ = -s * slant * height + c * height;
    constexpr float kMiddle = (kSide - 1) / 2.0f;
    x0_ = kMiddle + draws.uniform(-kShift, kShift);
    y0_ = kMiddle + draws.uniform(-kShift, kShift);
    for (Wave& wave : waves_) {
      const float direction = draws.uniform(0, 2 * std::numbers::pi_v<float>);
      const float frequency = 2 * std::numbers::pi_v<float> / draws.uniform(14, 36);
      wave = {.kx = frequency * std::cos(direction),
              .ky = frequency * std::sin(direction),
              .phase = draws.uniform(0, 2 * std::numbers::pi_v<float>),
              .x = draws.uniform(-kWaveHeight, kWaveHeight),
              .y = draws.uniform(-kWaveHeight, kWaveHeight)};
    }
  }

  Point operator()(Point p) const {
    const float u = p.x - 0.5f, v = p.y - 0.5f;
    const Point straight = {x0_ + xx_ * u + xy_ * v, y0_ + yx_ * u + yy_ * v};
    Point bent = straight;
    for (const Wave& wave : waves_) {
      const float height = std::sin(wave.kx * straight.x + wave.ky * straight.y + wave.phase);
      bent.x += wave.x * height;
      bent.y += wave.y * height;
    }
    return bent;
  }

 private:
  struct Wave {
    float kx, ky, phase;  // radians per pixel, radians
    float x, y;           // pixels
  };

  float xx_, xy_, yx_, yy_, x0_, y0_;
  std::array<Wave, 2> waves_;
};

/// Ink on paper: 0 to 1 per pixel.
class Paper {
 public:
  /// A line with round ends and soft edges.
  void draw_line(Point a, Point b, float radius) {
    const float reach = radius + 0.5f;
    const auto [left, right] = span(std::min(a.x, b.x) - reach, std::max(a.x, b.x) + reach);
    const auto [top, bottom] = span(std::min(a.y, b.y) - reach, std::max(a.y, b.y) + reach);
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float scale = 1 / std::max(dx * dx + dy * dy, 1e-6f);
    for (int row = top; row <= bottom; ++row) {
      for (int column = left; column <= right; ++column) {
        const float x = static_cast<float>(column) - a.x, y = static_cast<float>(row) - a.y;
        const float along = std::clamp((x * dx + y * dy) * scale, 0.0f, 1.0f);
        const float ex = x - along * dx, ey = y - along * dy;
        float& ink = ink_[row * kSide + column];
        ink = std::max(ink, reach - std::sqrt(ex * ex + ey * ey));
      }
    }
  }

  void write_pixels(Draws& draws, uint8_t* pixels) const {
    const float full = draws.uniform(kMinInk, 1);
    const float noise = draws.uniform(0, kPixelNoise);
    for (int i = 0; i < kSide * kSide; ++i) {
      const float value = full * std::min(ink_[i], 1.0f) + noise * draws.normal();
      pixels[i] = static_cast<uint8_t>(std::lround(255 * std::clamp(value, 0.0f, 1.0f)));
    }
  }

 private:
  /// Whole pixels between low and high that are on the paper.
  static std::pair<int, int> span(float low, float high) {
    return {std::max(static_cast<int>(std::ceil(low)), 0),
            std::min(static_cast<int>(std::floor(high)), kSide - 1)};
  }

  std::array<float, size_t{kSide} * kSide> ink_{};
};

/// Catmull-Rom: through b at t = 0 and c at t = 1.
Point curve(Point a, Point b, Point c, Point d, float t) {
  const auto axis = [t](float p, float q, float r, float s) {
    return 0.5f * (2 * q + t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p))));
  };
  return {axis(a.x, b.x, c.x, d.x), axis(a.y, b.y, c.y, d.y)};
}

/// Moves each point a little; a corner stays one.
Stroke jitter(const Stroke& stroke, Draws& draws) {
  Stroke moved;
  for (size_t i = 0; i < stroke.size(); ++i) {
    const bool corner = i > 0 && stroke[i] == stroke[i - 1];
    moved.push_back(
        corner ? moved.back()
               : Point{stroke[i].x + kJitter * draws.normal(), stroke[i].y + kJitter * draws.normal()});
  }
  return moved;
}

/// Draws the stroke with a pen whose pressure changes from its start to its end.
void draw_stroke(const Stroke& stroke, const Distortion& distort, float radius, float radius_at_end,
                 Paper& paper) {
  const size_t last = stroke.size() - 1;
  Point from = distort(stroke[0]);
  for (size_t i = 0; i < last; ++i) {
    for (int step = 1; step <= kCurveSteps; ++step) {
      const float t = static_cast<float>(step) / kCurveSteps;
      const Point to = distort(
          curve(stroke[i > 0 ? i - 1 : 0], stroke[i], stroke[i + 1], stroke[std::min(i + 2, last)], t));
      const float done = (static_cast<float>(i) + t) / static_cast<float>(last);
      paper.draw_line(from, to, radius + (radius_at_end - radius) * done);
      from = to;
    }
  }
}

int64_t draw_digit(PhiloxKey key, uint8_t* pixels) {
  Draws draws(key);
  const int digit = draws.below(kClasses);
  const auto styles = digit_styles(digit);
  const DigitStyle& style = styles[static_cast<size_t>(draws.below(static_cast<int>(styles.size())))];
  const Distortion distort(draws);
  const float radius = draws.uniform(0.6f, 1.7f);
  Paper paper;
  for (const Stroke& stroke : style) {
    draw_stroke(jitter(stroke, draws), distort, radius, radius * draws.uniform(0.7f, 1.3f), paper);
  }
  if (draws.uniform(0, 1) < kStrayStroke) {
    const Point start = {draws.uniform(0, 1), draws.uniform(0, 1)};
    const Point end = {start.x + draws.uniform(-0.3f, 0.3f), start.y + draws.uniform(-0.3f, 0.3f)};
    draw_stroke({start, end}, distort, radius * 0.8f, radius * 0.5f, paper);
  }
  paper.write_pixels(draws, pixels);
  return digit;
}

TensorDataset draw_digits(uint64_t seed, int64_t first, int64_t count) {
  constexpr int64_t kGrain = 64;  // images per thread at least
  const Tensor images = empty({count, 1, kSide, kSide}, DType::u8);
  const Tensor labels = empty({count}, DType::i64);
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const PhiloxKey key = {.seed = seed, .stream = kImageStreams + static_cast<uint64_t>(first + i)};
      labels.data<int64_t>()[i] = draw_digit(key, images.data<uint8_t>() + i * kSide * kSide);
    }
  });
  return {images, labels};
}

}  // namespace

ImageDataset synthetic_digits(const SyntheticDigitsOptions& options) {
  check<ValueError>(options.train >= 0 && options.test >= 0,
                    "synthetic_digits: need counts >= 0, got {} and {}", options.train, options.test);
  return {.train = draw_digits(options.seed, 0, options.train),
          .test = draw_digits(options.seed, options.train, options.test),
          .class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
          .source = fmt::format("synthetic digits, seed {} (not MNIST)", options.seed)};
}

}  // namespace dlengine
