// What the values between the layers of a network look like.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/layers/module.h"

namespace dlengine {

struct BinOptions {
  int64_t bins = 30;
  double low = 0, high = 0;  // equal: from the smallest to the largest value
};

struct Histogram {
  double low = 0, high = 1;
  std::vector<int64_t> counts;  // of `bins` equal parts of [low, high]; values outside are in none

  /// The middle of a bin.
  double middle(size_t bin) const;
};

/// Of all elements; reads them on the host. NaN is in no bin. Throws ValueError for less than one bin or
/// low > high.
Histogram histogram(const Tensor& values, const BinOptions& options = {});

/// The results of one call of a layer.
struct ActivationRow {
  std::string path;  // "features.0"
  std::string type;  // "ReLU"
  double mean = 0;
  double deviation = 0;  // divided by n
  double zeros = 0;      // share of the elements that are 0: behind a ReLU, the silent ones
  Histogram histogram;
};

/// Calls the module with x, in the mode it is in and off the tape, and looks at the result of each layer, in
/// the order of the calls. Modules that only hold others have no row. To compare ways of initialising
/// weights: values should neither shrink to 0 nor grow from layer to layer, nor saturate. Reads on the host,
/// so it is for looking, not for every step.
std::vector<ActivationRow> activation_histograms(Module& module, const Tensor& x,
                                                 const BinOptions& options = {});

}  // namespace dlengine
