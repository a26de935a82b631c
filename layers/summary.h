// The table of a network's layers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/layers/module.h"

namespace dlengine {

/// One call of a layer.
struct SummaryRow {
  std::string path;     // "features.0"; "" if the module is a single layer
  std::string type;     // "Conv2d"
  std::string options;  // "1 -> 32, kernel 3x3"
  Shape output;
  int64_t parameters = 0;     // its own; 0 where a layer is called again
  int64_t flops = 0;          // of this call, forward
  Dims receptive_field = {};  // input pixels that one output pixel of a series, an image or a volume sees,
                              // following the calls in order; empty: none of these
};

/// What a forward pass of zeros of this shape (batch size included) calls, in order and in evaluation mode,
/// on the device and in the type of the module's parameters (f32 on the CPU where there are none yet; of
/// tokens where its input_type() is i64). It
/// makes parameters of layers that have none. Modules that only hold others have no row.
std::vector<SummaryRow> summary_rows(Module& module, const Shape& input);

/// The rows as a table with totals, ready to print.
std::string summary(Module& module, const Shape& input);

}  // namespace dlengine
