// Heat maps, images and level lines: their cells, places and colours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/train/plot_support.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(HeatMap, JoinsCellsOfOneColour) {
  const std::string svg = bare(
      [](Panel& panel) {
        panel.heat_map(tensor({{0, 0, 1}, {1, float(kNan), 0}}),
                       {.colors = ColorMap::gray, .color_bar = false});
      },
      {.axes = false});
  EXPECT_THAT(svg, HasSubstr("scale(33.333 50)"));
  EXPECT_THAT(svg, HasSubstr("stroke=\"#000000\" d=\"M0 0.5h2m0 1h1\""));
  EXPECT_THAT(svg, HasSubstr("stroke=\"#ffffff\" d=\"M2 0.5h1m-3 1h1\""));
}

TEST(HeatMap, WithAnExtentRowsRunUp) {
  const std::string svg = bare([](Panel& panel) {
    panel.heat_map(tensor({{0, 1}}), {.color_bar = false, .extent = Extent{0, 10, 0, 5}});
  });
  EXPECT_THAT(svg, HasSubstr("translate(0 100) scale(50 -50)"));
}

TEST(HeatMap, DivergingColorsAreWhiteAtZero) {
  Figure figure;
  figure.panel().heat_map(tensor({{-1, 0, 4}}), {.colors = ColorMap::diverging});
  const std::string svg = figure.svg();
  EXPECT_THAT(svg, HasSubstr(">-4<"));
  EXPECT_THAT(svg, HasSubstr(">4<"));
}

TEST(HeatMap, OneValueEverywhereIsDrawnToo) {
  bare([](Panel& panel) { panel.heat_map(zeros({2, 2})); }, {});
  bare([](Panel& panel) { panel.heat_map(full({1, 1}, kNan)); }, {});
}

TEST(HeatMap, RefusesWhatItCannotDraw) {
  Figure figure;
  Panel& panel = figure.panel();
  Panel& logarithmic = figure.panel({.x = {.scale = Scale::log}});
  expect_throw<ShapeError>([&] { panel.heat_map(zeros({3})); }, {"heat_map: need values [H, W], got [3]"});
  expect_throw<ShapeError>([&] { panel.heat_map(zeros({0, 3})); }, {"got [0, 3]"});
  expect_throw<ValueError>(
      [&] {
        panel.heat_map(zeros({1, 1}), {.low = 2, .high = 1});
      },
      {"need low < high"});
  expect_throw<ValueError>(
      [&] {
        panel.heat_map(zeros({1, 1}), {.extent = Extent{0, 0, 0, 1}});
      },
      {"the extent is x 0 .. 0"});
  expect_throw<ValueError>(
      [&] {
        panel.heat_map(full({1, 1}, 0.5), {.colors = ColorMap::classes});
      },
      {"classes are numbers from 0 on, got 0.5"});
  expect_throw<ValueError>([&] { logarithmic.heat_map(zeros({1, 1})); }, {"heat_map: needs linear axes"});
  expect_throw<ValueError>([&] { logarithmic.contour(zeros({2, 2}), {}); }, {"contour: needs linear axes"});
  expect_throw<ShapeError>(
      [&] {
        panel.contour(zeros({1, 2}), {});
      },
      {"2 or more rows and columns, got [1, 2]"});
  expect_throw<ValueError>(
      [&] {
        panel.contour(zeros({2, 2}), {.levels = {kNan}});
      },
      {"cannot draw the level nan"});
  expect_throw<ShapeError>([&] { panel.images(zeros({2, 3, 4, 5})); }, {"images: need [N, H, W] or [H, W]"});
  expect_throw<ValueError>(
      [&] {
        panel.images(zeros({3, 4}), {.columns = 0});
      },
      {"images: need columns >= 1"});
}

TEST(Images, StandInRowsWithAGap) {
  const std::string svg = bare(
      [](Panel& panel) {
        panel.images(ones({3, 2, 2}), {.columns = 2, .low = 0, .high = 1});
      },
      {.axes = false});
  EXPECT_THAT(svg, HasSubstr("d=\"M0 0.5h2m1 0h2m-5 1h2m1 0h2m-5 2h2m-2 1h2\""));
  EXPECT_THAT(svg, Not(HasSubstr("<rect x=")));
}

TEST(Images, MayHaveABarOfColors) {
  Figure figure;
  figure.panel({.axes = false})
      .images(ones({1, 2, 2}), {.low = -3, .high = 3, .label = "response", .color_bar = true});
  const std::string svg = figure.svg();
  EXPECT_EQ(xml_error(svg), "");
  for (const char* words : {">response<", ">-2<", ">2<"}) EXPECT_EQ(count_of(svg, words), 1) << words;
}

TEST(Contour, ACircleIsOneClosedLine) {
  const Extent extent{0, 10, 0, 10};
  const Tensor grid = grid_points(extent, 50, 50) - 5;
  const Tensor distance = sqrt(sum(grid * grid, {.axes = {1}})).reshape({50, 50});
  const std::string svg =
      bare([&](Panel& panel) { panel.contour(distance, {.levels = {3}, .extent = extent}); });
  const size_t begin = svg.find("class=\"m\" d=\"M") + 14, end = svg.find('"', begin);
  const std::string path = svg.substr(begin, end - begin);
  EXPECT_EQ(count_of(path, "M"), 0);
  EXPECT_GT(count_of(path, "L"), 50);
  EXPECT_EQ(path.substr(0, path.find('L')), path.substr(path.rfind('L') + 1));
  for (size_t at = 0; at != std::string::npos;) {  // every point is 30 pixels from the middle
    double x = 0, y = 0;
    ASSERT_EQ(std::sscanf(path.c_str() + at, "%lf %lf", &x, &y), 2);
    EXPECT_NEAR(std::hypot(x - 50, y - 50), 30, 0.2);
    at = path.find('L', at);
    if (at != std::string::npos) ++at;
  }
}

TEST(Contour, SaddlesAndGapsKeepLinesApart) {
  const Extent extent{0, 10, 0, 10};
  const std::string saddle = bare([&](Panel& panel) {
    panel.contour(tensor({{1, 0}, {0, 1}}), {.levels = {0.5}, .extent = extent});
  });
  EXPECT_THAT(saddle, HasSubstr("M50 75L25 50M75 50L50 25"));
  const std::string gap = bare([&](Panel& panel) {
    panel.contour(tensor({{0, 0, 0}, {1, 1, float(kNan)}}), {.levels = {0.5}, .extent = extent});
  });
  EXPECT_THAT(gap, HasSubstr("M16.7 50L50 50\""));
}

TEST(GridPoints, AreTheMiddlesOfCells) {
  const Tensor points = grid_points({0, 4, 10, 20}, 2, 1);
  EXPECT_EQ(points.to_vector<double>(), (std::vector<double>{1, 15, 3, 15}));
  expect_throw<ValueError>([] { grid_points({}, 0, 1); }, {"1 or more columns and rows, got 0 and 1"});
}

}  // namespace
}  // namespace dlengine::test
