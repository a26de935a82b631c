// Recurrent layers run with the inputs, weights and gradients that PyTorch's numbers are stored of.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/layers/recurrent.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"

namespace dlengine::test {

struct RecurrentRow {
  const char* name;  // of the case in the file
  std::unique_ptr<RecurrentLayer> (*make)(const RecurrentOptions&);
  RecurrentOptions options;
};

template <typename Layer>
std::unique_ptr<RecurrentLayer> make_recurrent(const RecurrentOptions& options) {
  return std::make_unique<Layer>(options);
}
std::unique_ptr<RecurrentLayer> make_relu_rnn(const RecurrentOptions& options);

struct RecurrentRun {
  DType dtype;
  Device device;
  DType rounding = DType::f64;  // what the stored numbers are rounded to before
  bool time_first = false;
  double padding = 0;  // what stands behind sequences for which lengths are stored
};

using NamedArrays = std::vector<std::pair<std::string, NdArray>>;

/// Results, last states and gradients of the case, under their names.
NamedArrays run_stored(const Golden& golden, const RecurrentRow& row, const RecurrentRun& run);

/// What run_stored() gave against the file, which has as many gradients of weights.
void expect_as_stored(const Golden& golden, const RecurrentRow& row, const NamedArrays& got,
                      const Tolerance& close);
/// One run against another one of the same case.
void expect_alike(const NamedArrays& got, const NamedArrays& want, const Tolerance& close);

}  // namespace dlengine::test
