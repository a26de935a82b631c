// One row per operation: values and gradients against a float64 reference, in every type and layout on every
// device.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/layout.h"
#include "tests/support/ndarray.h"

namespace dlengine::test {

/// How the values of one input are drawn.
struct Input {
  Shape shape;
  double low = -1;
  double high = 1;
  std::vector<double> kinks = {};  // values stay 0.02 away from these
  double step = 0;                 // not 0: multiples of step, plus offset, instead of any number
  double offset = 0;
  bool distinct = false;   // multiples of 1/32, no two equal: for maxima; at most 256 elements
  bool repeatable = true;  // may be a broadcast view, with equal rows
  bool gradient = true;    // is differentiated
};

struct OpCase {
  std::string name;
  std::vector<Input> inputs;
  std::function<Tensor(const std::vector<Tensor>&)> op;
  std::function<NdArray(const std::vector<NdArray>&)> reference;
  ErrorBudget value = {};
  ErrorBudget gradient = {.terms = 2, .roundings = 1};  // of the slope, and of what it is computed from
  // Element i of the result depends on element i of the (broadcast) inputs alone, so that one difference
  // gives all slopes at once; else at most kProbes elements are tried.
  bool elementwise = false;
};
inline constexpr int kProbes = 32;

/// For messages of parameterised tests.
std::ostream& operator<<(std::ostream& out, const OpCase& row);
/// Name of a parameterised test: the row's.
std::string case_name(const ::testing::TestParamInfo<OpCase>& info);

/// Runs the row on every device, in every floating type and every layout: the value, that inputs and what
/// lies around them stay as they are, and the tape's gradients against fourth-order differences of the
/// reference, both contracted with one random cotangent.
void check_case(const OpCase& row);

/// Where the inputs and the gradient of the result lie.
struct Layouts {
  std::vector<Layout> inputs;
  Layout cotangent = Layout::contiguous;
};

/// The same in these layouts only.
void check_case(const OpCase& row, const Layouts& layouts);

}  // namespace dlengine::test
