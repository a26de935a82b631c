// Boxes and arrows: what the tape, a graph or a network looks like.
#pragma once

#include <string>
#include <vector>

#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// A drawing without places: to_dot() and to_svg() (train/diagram_svg.h) find them.
struct Diagram {
  enum class Kind : uint8_t { operation, input, parameter, result };
  struct Box {
    std::vector<std::string> lines;  // of text
    Kind kind = Kind::operation;
  };
  struct Arrow {
    int from = 0, to = 0;  // positions of boxes; from comes before to
    std::string text = {};
  };
  std::vector<Box> boxes;
  std::vector<Arrow> arrows;
};

/// In the language of Graphviz: `dot -Tsvg`.
std::string to_dot(const Diagram& diagram);

/// The operations that made a tensor, as far as they are on the tape, with their shapes, and the leaves that
/// require gradients; names gives leaves their names (Module::named_parameters). A tape that backward() has
/// used up is gone. Throws AutogradError for a tensor that is not on the tape.
Diagram tape_diagram(const Tensor& result, const NamedTensors& names = {});

/// to_dot() of tape_diagram().
std::string to_dot(const Tensor& result, const NamedTensors& names = {});

}  // namespace dlengine
