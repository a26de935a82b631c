// What the tests of pictures share: a panel whose positions are easy to foretell.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "dlengine/train/plot.h"
#include "tests/support/xml.h"

namespace dlengine::test {

/// A panel of 0 .. 10 by 0 .. 10 without numbers around it, so that positions are easy to foretell.
inline const PanelOptions kBare{.x = {.from = 0, .to = 10}, .y = {.from = 0, .to = 10}, .axes = false};

/// The picture of one bare panel of 100 x 100 pixels inside of its margins.
template <typename Draw>
std::string bare(const Draw& draw, const PanelOptions& options = kBare) {
  Figure figure({.panel_width = 120, .panel_height = 116});
  draw(figure.panel(options));
  const std::string svg = figure.svg();
  EXPECT_EQ(xml_error(svg), "") << svg;
  return svg;
}

}  // namespace dlengine::test
