// Diagrams as pictures.
#pragma once

#include <string>

#include "dlengine/core/diagram.h"

namespace dlengine {

/// An SVG drawing of the diagram, in layers from top to bottom and without crossings where that is easy.
/// Readable on light and on dark ground.
std::string to_svg(const Diagram& diagram);

/// Writes it to a file, whole or not at all. Throws IoError.
void save_svg(const Diagram& diagram, const std::string& path);

}  // namespace dlengine
