// Internal: where the boxes of a diagram lie, in layers from top to bottom.
#pragma once

#include <vector>

#include "dlengine/core/diagram.h"

namespace dlengine::plot {

struct Point {
  double x = 0, y = 0;  // pixels
};

struct BoxSize {
  double width = 0, height = 0;  // pixels
};

struct Layered {
  std::vector<Point> boxes;                // upper left corners
  std::vector<std::vector<Point>> arrows;  // the places that each one passes, from box to box
  double width = 0, height = 0;            // of all
};

/// Sugiyama, Tagawa, Toda: Methods for visual understanding of hierarchical system structures (1981), in
/// short: layers by the longest path, places within a layer by the mean of the neighbours' ones.
Layered place_in_layers(const Diagram& diagram, const std::vector<BoxSize>& sizes);

}  // namespace dlengine::plot
