// A row of a table of functions of one element, and its test.
#pragma once

#include <ostream>
#include <vector>

#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {

struct UnaryRow {
  const char* name;
  Tensor (*op)(const Tensor&);
  double (*value)(double);
  double low = -3;
  double high = 3;
  std::vector<double> kinks = {};
  double slope = 1;  // largest there is on the range, if beyond 1
  double size = 1;   // of what the value is computed from, if beyond 1
  friend std::ostream& operator<<(std::ostream& out, const UnaryRow& row) { return out << row.name; }
};

/// Value and gradient against double, in every type, shape and layout, on every device.
inline void check_unary(const UnaryRow& row) {
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{4097}, Shape{3, 5, 2}}) {
    check_case({.name = row.name,
                .inputs = {{.shape = shape, .low = row.low, .high = row.high, .kinks = row.kinks}},
                .op = [&](const std::vector<Tensor>& in) { return row.op(in[0]); },
                .reference = [&](const std::vector<NdArray>& in) { return reference::map(in[0], row.value); },
                .value = {.magnitude = row.size},
                .gradient = {.terms = 2, .roundings = 2, .magnitude = row.slope},
                .elementwise = true});
  }
}

}  // namespace dlengine::test
