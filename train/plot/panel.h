// Internal: what a panel holds, and how it becomes SVG.
#pragma once

#include <string>

#include "dlengine/train/plot.h"
#include "dlengine/train/plot/marks.h"

namespace dlengine {

struct Panel::Impl {
  PanelOptions options;
  plot::Marks marks;
  int next_color = 0;

  int color(int wanted);
  void need_linear_axes(const char* who) const;
};

namespace plot {

/// Title, legend, frame, ticks and marks, in width x height pixels from (0, 0) on.
std::string draw_panel(const PanelOptions& options, const Marks& marks, double width, double height);

}  // namespace plot
}  // namespace dlengine
