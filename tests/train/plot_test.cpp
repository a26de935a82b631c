// Figures: well-formed, the same bytes each time, and what becomes of numbers that cannot be drawn.
#include "dlengine/train/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/temp_dir.h"
#include "tests/support/xml.h"
#include "tests/train/plot_support.h"

namespace dlengine::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// --- The checker itself ---

TEST(Xml, TellsGoodFromBad) {
  EXPECT_EQ(xml_error("<a b=\"1\"><c/>text &amp; \xC3\xA9</a>\n"), "");
  for (const char* bad : {"", "text", "<a>", "<a></b>", "<a/><b/>", "<a b=1/>", "<a b=\"1\" b=\"2\"/>",
                          "<a>&x;</a>", "<a>\x01</a>", "<a>\xFF</a>", "<a>\xC3</a>", "<a b=\"<\"/>",
                          "<a/>text", "<a", "</a>", "<1a/>", "<a b=\"1/>"}) {
    EXPECT_NE(xml_error(bad), "") << bad;
  }
}

// --- Whole figures ---

Figure everything() {
  Figure figure({.title = "All & <everything>", .columns = 2});
  figure.panel({.title = "lines", .x = {.label = "step"}, .y = {.label = "loss", .scale = Scale::log}})
      .line({1, 2, 3, 4}, {1, 0.1, 0.01, 0.001}, {.name = "a", .markers = true})
      .line({1, 2, 3, 4}, {1, 0.5, 0.2, 0.1}, {.name = "b", .dashed = true});
  Panel& points = figure.panel({.title = "points", .equal_scales = true});
  for (int color = 0; color < 9; ++color) points.scatter({1.0 * color}, {2.0 * color}, {.name = "p"});
  figure.panel({.x = {.names = {"one", "two"}}}).bars({0, 1}, {3, -2}, {.name = "bars"});
  figure.panel().histogram(arange(0, 1, 0.01), {.name = "h", .bins = 10});
  figure.panel().heat_map(arange(0, 12).reshape({3, 4}), {.label = "value"});
  figure.panel().heat_map(tensor({{-1, 2}, {0, 1}}), {.colors = ColorMap::diverging});
  figure.panel({.axes = false}).images(rand({5, 4, 3}, 0, 1), {.columns = 3, .own_range = true});
  const Extent extent{.x_from = -2, .x_to = 2, .y_from = -1, .y_to = 1};
  const Tensor grid = grid_points(extent, 20, 10);
  const Tensor bowl = sum(grid * grid, {.axes = {1}}).reshape({10, 20});
  figure.panel()
      .heat_map(greater(bowl, scalar(1)).to(DType::i64),
                {.colors = ColorMap::classes, .extent = extent, .class_names = {"in", "out"}})
      .contour(bowl, {.levels = {0.5, 1, 2}, .extent = extent})
      .text(0, 0, "middle");
  return figure;
}

TEST(Figure, IsWellFormedAndTheSameEachTime) {
  manual_seed(1);
  const std::string first = everything().svg();
  manual_seed(1);
  EXPECT_EQ(everything().svg(), first);
  EXPECT_EQ(xml_error(first), "");
  EXPECT_THAT(first, Not(HasSubstr("nan")));
  EXPECT_THAT(first, Not(HasSubstr("inf")));
  EXPECT_THAT(first, HasSubstr("<title>All &amp; &lt;everything&gt;</title>"));
  EXPECT_THAT(first, HasSubstr("prefers-color-scheme:dark"));
  for (const char* words :
       {">step<", ">loss<", ">lines<", ">a<", ">one<", ">two<", ">value<", ">in<", ">middle<"}) {
    EXPECT_EQ(count_of(first, words), 1) << words;
  }
}

TEST(Figure, WithoutPanelsIsAnEmptyPicture) { EXPECT_EQ(xml_error(Figure().svg()), ""); }

TEST(Figure, PanelsFillRowsFromTheLeft) {
  Figure figure({.columns = 2, .panel_width = 100, .panel_height = 80});
  for (int i = 0; i < 3; ++i) figure.panel();
  const std::string svg = figure.svg();
  EXPECT_THAT(svg, HasSubstr("width=\"248\" height=\"208\""));  // 16 + 2 (100 + 16), 16 + 2 (80 + 16)
  for (const char* place : {"translate(16 16)", "translate(132 16)", "translate(16 112)"}) {
    EXPECT_THAT(svg, HasSubstr(place));
  }
}

TEST(Figure, LongTitlesEndWithAnEllipsis) {
  const std::string words = "a title that does not fit into a hundred pixels";
  Figure figure({.title = words, .panel_width = 120});
  figure.panel({.title = words, .axes = false});
  figure.panel({.title = "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                         "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"});
  figure.panel({.title = "short"});
  const std::string svg = figure.svg();
  EXPECT_EQ(xml_error(svg), "");
  EXPECT_THAT(svg, HasSubstr("<title>" + words + "</title>"));
  EXPECT_EQ(count_of(svg, ">a title that\u2026<"), 2) << svg;
  EXPECT_THAT(svg, HasSubstr("\xC3\xA9\u2026<"));
  EXPECT_THAT(svg, HasSubstr(">short<"));
}

TEST(Figure, SavesWholeFilesOrNone) {
  const TempDir dir;
  Figure figure;
  figure.panel().line({0, 1}, {0, 1});
  figure.save(dir / "a.svg");
  EXPECT_EQ(read_bytes(dir / "a.svg"), figure.svg());
  EXPECT_EQ(dir.entries(), 1u);
  expect_throw<IoError>([&] { figure.save("/nowhere/a.svg"); }, {"/nowhere/a.svg"});
}

TEST(Figure, RefusesSizesThatMakeNoSense) {
  expect_throw<ValueError>([] { Figure({.columns = 0}); }, {"Figure: need columns >= 1, got 0"});
  expect_throw<ValueError>([] { Figure({.panel_width = 3}); }, {"40 pixels or more, got 3 x 300"});
}

TEST(Figure, TextIsEscapedAndAlwaysXml) {
  const std::string svg = bare([](Panel& panel) {
    panel.line({0, 1}, {0, 1}, {.name = "<&>\" \x01 \xFF \xC3\xA9 \xED\xA0\x80 end"});
  });
  EXPECT_THAT(svg, HasSubstr("&lt;&amp;&gt;&quot; \xEF\xBF\xBD \xEF\xBF\xBD \xC3\xA9 "));
  EXPECT_THAT(svg, HasSubstr(" end</text>"));
}

// --- Marks at their places ---

TEST(Line, GoesThroughItsPoints) {
  const std::string svg = bare([](Panel& panel) { panel.line({0, 5, 10}, {0, 10, 5}); });
  EXPECT_THAT(svg, HasSubstr("d=\"M0 100L50 0L100 50\""));
  EXPECT_THAT(svg, HasSubstr("class=\"l0\""));
}

TEST(Line, BreaksAtGapsAndDotsWhatStandsAlone) {
  const std::string svg = bare([](Panel& panel) {
    panel.line({0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, kNan, 3, kInf, 5, 6, 1e301});
  });
  EXPECT_THAT(svg, HasSubstr("d=\"M0 100L10 90M30 70h0M50 50L60 40\""));
}

TEST(Line, WhatStandsAloneHasAMarkerToBeSeen) {
  for (const Values& x : {Values({5, 5, 5}), Values({5})}) {
    const std::string svg = bare([&](Panel& panel) { panel.line(x, x); });
    EXPECT_THAT(svg, HasSubstr("stroke-width=\"6\" stroke-linecap=\"round\" d=\"M50 50h0\""));
  }
  const std::string square = bare([](Panel& panel) { panel.line({5}, {5}, {.color = 1}); });
  EXPECT_THAT(square, HasSubstr("class=\"f1\" d=\"M47.3 47.3h5.4v5.4h-5.4z\""));
  EXPECT_THAT(bare([](Panel& panel) { panel.line({1, 2}, {1, 2}); }), Not(HasSubstr("stroke-width=\"6\"")));
}

TEST(Line, LeavesOutWhatLiesOnTheSameSpot) {
  const std::string svg = bare([](Panel& panel) { panel.line({0, 0.001, 0.002, 10}, {0, 0, 0, 0}); });
  EXPECT_THAT(svg, HasSubstr("d=\"M0 100L100 100\""));
}

TEST(Line, OnALogarithmicAxisPowersAreEvenlySpacedAndZeroIsAGap) {
  PanelOptions options = kBare;
  options.y = {.scale = Scale::log, .from = 0.01, .to = 1};
  const std::string svg = bare(
      [](Panel& panel) {
        panel.line({0, 2, 4, 6, 8}, {0.01, 0.1, 1, 0, -1});
      },
      options);
  EXPECT_THAT(svg, HasSubstr("d=\"M0 100L20 50L40 0\""));
}

TEST(Line, AnAxisMayRunDown) {
  PanelOptions options = kBare;
  options.y = {.from = 10, .to = 0};
  EXPECT_THAT(bare(
                  [](Panel& panel) {
                    panel.line({0, 10}, {0, 10});
                  },
                  options),
              HasSubstr("d=\"M0 0L100 100\""));
}

TEST(Line, ColorsFollowEachOtherUnlessChosen) {
  const std::string svg = bare([](Panel& panel) {
    panel.line({0, 1}, {1, 1})
        .line({0, 1}, {2, 2}, {.color = 4})
        .line({0, 1}, {3, 3})
        .line({0, 1}, {4, 4}, {.color = 9});
  });
  for (const char* color : {"\"l0\"", "\"l1\"", "\"l4\"", "\"l2\""}) EXPECT_THAT(svg, HasSubstr(color));
}

TEST(Series, LinesOfOneColourDifferInTheirStroke) {
  Figure figure;
  Panel& panel = figure.panel();
  for (int line = 0; line < 7; ++line) panel.line({0, 1}, {0, 1});
  EXPECT_THAT(figure.svg(), Not(HasSubstr("stroke-dasharray")));
  panel.line({0, 1}, {1, 0});
  EXPECT_THAT(figure.svg(), HasSubstr("class=\"l0\" stroke-width=\"2\" stroke-linejoin=\"round\" "
                                      "stroke-linecap=\"round\" stroke-dasharray"));
}

TEST(Line, NothingToDrawIsAPanelWithItsLegend) {
  for (const Values& y : {Values(std::vector<double>()), Values({kNan, kNan})}) {
    const std::string svg = bare([&](Panel& panel) { panel.line(y, y, {.name = "nothing"}); }, {});
    EXPECT_THAT(svg, HasSubstr(">nothing<"));
    EXPECT_THAT(svg, HasSubstr(">1<"));  // an axis from 0 to 1
  }
}

TEST(Series, RefuseWhatDoesNotBelongTogether) {
  Figure figure;
  Panel& panel = figure.panel();
  expect_throw<ShapeError>(
      [&] {
        panel.line({1, 2}, {1}, {.name = "loss"});
      },
      {"line 'loss': need as many x as y, got 2 and 1"});
  expect_throw<ShapeError>([&] { panel.scatter({1}, {}); }, {"scatter: need as many x as y, got 1 and 0"});
  expect_throw<ShapeError>([&] { panel.bars({1}, {}); }, {"bars: need as many"});
  expect_throw<ValueError>([&] { panel.line({1}, {1}, {.width = 0}); }, {"line: need width > 0, got 0"});
  expect_throw<ValueError>([&] { panel.scatter({1}, {1}, {.radius = -1}); },
                           {"scatter: need radius > 0, got -1"});
  expect_throw<ValueError>([&] { panel.bars({1}, {1}, {.width = kNan}); }, {"bars: need width > 0"});
  expect_throw<ValueError>([&] { panel.line({1}, {1}, {.width = kInf}); }, {"line: need width > 0, got inf"});
  expect_throw<ValueError>([&] { panel.line({1}, {1}, {.color = -2}); },
                           {"colours are numbers from 0 on, got -2"});
}

TEST(Bars, StandOnZero) {
  PanelOptions options = kBare;
  options.y = {.from = -10, .to = 10};
  const std::string svg = bare(
      [](Panel& panel) {
        panel.bars({2, 5, 8}, {10, -5, kNan}, {.width = 2});
      },
      options);
  EXPECT_THAT(svg, HasSubstr("d=\"M10 50V0H30V50zM40 50V75H60V50z\""));
}

TEST(Histogram, CountsEachValueOnceWithTheEnds) {
  PanelOptions options = kBare;
  options.x = {.from = 0, .to = 4};
  const std::string svg = bare(
      [](Panel& panel) {
        panel.histogram({0, 0.5, 1, 3, 4, kNan, 7}, {.bins = 4, .from = 0, .to = 4});
      },
      options);
  EXPECT_THAT(svg,
              HasSubstr("d=\"M0 100V80H25V100zM25 100V90H50V100zM50 100V100H75V100zM75 100V80H100V100z\""));
}

TEST(Histogram, OfOneValueOrNone) {
  for (const Values& values : {Values({3, 3}), Values(std::vector<double>())}) {
    bare([&](Panel& panel) { panel.histogram(values); }, {});
  }
  Figure figure;
  Panel& panel = figure.panel();
  expect_throw<ValueError>([&] { panel.histogram({1}, {.bins = 0}); }, {"histogram: need bins >= 1, got 0"});
  expect_throw<ValueError>([&] { panel.histogram({1}, {.from = 2, .to = 1}); },
                           {"need finite from < to, got 2 and 1"});
  expect_throw<ValueError>(
      [&] {
        panel.histogram({1, 2}, {.from = -kInf});
      },
      {"need finite from < to, got -inf and 2"});
  expect_throw<ValueError>([&] { panel.histogram({1.7e308}, {.from = -1.7e308, .to = 1.7e308}); },
                           {"need finite from < to"});
}

TEST(Axes, HaveRoundNumbersOnly) {
  struct Case {
    double low, high;
    std::vector<const char*> there;
  };
  for (const auto& [low, high, there] : std::vector<Case>{{0, 1, {">0<", ">0.2<", ">1.0<"}},
                                                          {-3, 7, {">-2<", ">0<", ">6<"}},
                                                          {0, 2.5e7, {">5e6<", ">2e7<"}},
                                                          {0, 1e-6, {">2e-7<"}},
                                                          {5, 5, {">5.0<"}},
                                                          {1e15, 1e15 + 1, {}}}) {
    SCOPED_TRACE(low);
    Figure figure;
    figure.panel().line({low, high}, {0, 1});
    const std::string svg = figure.svg();
    for (const char* text : there) EXPECT_THAT(svg, HasSubstr(text));
  }
}

TEST(Axes, LogarithmicOnesShowPowers) {
  Figure figure;
  figure.panel({.x = {.scale = Scale::log}}).line({1e-6, 1e3}, {0, 1});
  const std::string svg = figure.svg();
  for (const char* text : {">1e-6<", ">1e-4<", ">0.01<", ">100<"}) EXPECT_THAT(svg, HasSubstr(text));
}

TEST(Axes, LogarithmicOnesEndBeforeTheNumbersDo) {
  PanelOptions options;
  options.y.scale = Scale::log;
  for (const double extreme : {1e299, 1e-299, 1e-320}) {
    bare([&](Panel& panel) { panel.line({1, 2}, {1, extreme}); }, options);
  }
}

TEST(Contour, OfAFieldThatIsConstantButForItsRounding) {
  Tensor field = ones({3, 3}, DType::f64);
  field.data<double>()[4] = 1 + std::numeric_limits<double>::epsilon();
  bare([&](Panel& panel) { panel.contour(field, {.extent = {0, 1, 0, 1}}); }, {});
}

TEST(Axes, RefuseEndsThatMakeNoSense) {
  const auto drawn = [](const Axis& axis) {
    Figure figure;
    figure.panel({.y = axis});
    return figure.svg();
  };
  expect_throw<ValueError>([&] { drawn({.label = "loss", .scale = Scale::log, .from = 0}); },
                           {"axis 'loss': cannot end at 0 on a logarithmic scale"});
  expect_throw<ValueError>([&] { drawn({.from = kNan}); }, {"cannot end at nan"});
  expect_throw<ValueError>([&] { drawn({.from = 1, .to = 1}); }, {"begins and ends at 1"});
}

}  // namespace
}  // namespace dlengine::test
