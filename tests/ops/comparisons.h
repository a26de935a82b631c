// The comparisons, and what each of them is of two numbers.
#pragma once

#include <ostream>

#include "dlengine/core/ops/elementwise.h"

namespace dlengine::test {

struct Comparison {
  const char* name;
  Tensor (*op)(const Tensor&, const Tensor&);
  Tensor (*with_number)(const Tensor&, double);
  bool (*value)(double, double);
  friend std::ostream& operator<<(std::ostream& out, const Comparison& row) { return out << row.name; }
};

inline const Comparison kComparisons[] = {
    {"equal", equal, equal, [](double a, double b) { return a == b; }},
    {"not_equal", not_equal, not_equal, [](double a, double b) { return a != b; }},
    {"less", less, less, [](double a, double b) { return a < b; }},
    {"less_equal", less_equal, less_equal, [](double a, double b) { return a <= b; }},
    {"greater", greater, greater, [](double a, double b) { return a > b; }},
    {"greater_equal", greater_equal, greater_equal, [](double a, double b) { return a >= b; }},
};

}  // namespace dlengine::test
