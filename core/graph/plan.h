// Internal: a program for one batch size, checked and ready to run.
#pragma once

#include <vector>

#include "dlengine/core/graph/program.h"

namespace dlengine {

/// A view in numbers.
struct PlannedView {
  int value = -1;
  int64_t offset = 0;
  Shape shape;
  Strides strides;
  DType dtype = DType::f32;
};

struct GraphPlan {
  struct Call {
    std::vector<PlannedView> tensors;
    std::vector<int> begins;          // values that this call is the first to write
    std::vector<PlannedView> zeroed;  // all of those of them that it writes in part: nothing old is in them
    std::vector<int> ends;            // values that no later call uses
  };
  std::vector<int64_t> bytes;  // of the values
  std::vector<Call> calls;
  std::vector<PlannedView> outputs;
};

/// The calls of a program with their attributes. Throws IoError that names the call.
std::vector<BoundCall> bound_calls(const GraphProgram& program);

/// Checks everything that calls of backends rely on: views lie in their values, values are written before
/// they are read, results lie apart from operands, and tensors are what the functions take. calls: those of
/// the program, bound. Throws IoError that names the call.
GraphPlan make_plan(const GraphData& data, const GraphProgram& program, const std::vector<BoundCall>& calls,
                    int64_t batch);

}  // namespace dlengine
