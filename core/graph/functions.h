// Internal: the functions of Backend that a graph can call: its instruction set.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/backend.h"
#include "dlengine/core/graph/attributes.h"

namespace dlengine {

/// A call with its attributes, ready to be given its tensors in the order of the function's arguments.
struct BoundCall {
  std::function<void(Backend&, std::span<const Tensor>)> run;
  /// Throws IoError or ShapeError unless the tensors are what core/backend.h asks for. Reads no elements.
  std::function<void(std::span<const Tensor>)> check;
};

struct BackendFunction {
  std::string_view name;
  std::vector<std::string_view> plain;  // names of arguments that are a number or a word
  bool in_place;                        // what it writes may be one of its other tensors
  std::vector<bool> writes;             // for each tensor: the function writes it
  BoundCall (*bind)(const BackendFunction& self, const Attributes& attributes);
};

/// All of them. What is missing draws random numbers, changes what outlives the computation, or trusts its
/// arguments.
std::span<const BackendFunction> backend_functions();

/// Throws IoError for a name that is none of theirs.
const BackendFunction& backend_function(std::string_view name);

}  // namespace dlengine
