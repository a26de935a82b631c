// Internal: a traced computation as data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/core/graph/functions.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// A size that may grow with the batch: fixed + per_sample * N.
struct GraphSize {
  int64_t fixed = 0;
  int64_t per_sample = 0;
  GraphSize() = default;
  GraphSize(int64_t size, int64_t of_each = 0)
      : fixed(size), per_sample(of_each) {}  // NOLINT: implicit on purpose
  /// Throws IoError if it is negative or above 2^48: no tensor is so large.
  int64_t at(int64_t batch) const;
  friend bool operator==(const GraphSize&, const GraphSize&) = default;
};
using GraphSizes = std::vector<GraphSize>;

/// "32", "N", "4N + 1".
std::string to_string(const GraphSize& size);
/// "[N, 10]".
std::string to_string(const GraphSizes& sizes);
GraphSizes sizes_of(const Dims& dims);
Dims at(const GraphSizes& sizes, int64_t batch);

/// A tensor of a call: a view of a value.
struct GraphView {
  int value = -1;  // its position among the values; -1: the tensor is undefined
  DType dtype = DType::f32;
  GraphSize offset;  // elements from the value's start
  GraphSizes shape, strides;
  friend bool operator==(const GraphView&, const GraphView&) = default;
};

/// Memory that calls read and write.
struct GraphValue {
  enum class Kind : uint8_t { input, constant, computed };
  Kind kind = Kind::computed;
  int number = 0;   // of the input or the constant
  GraphSize bytes;  // of what is computed
};

struct GraphCall {
  const BackendFunction* function = nullptr;
  Attributes attributes;
  std::vector<GraphView> tensors;  // in the order of the function's arguments
};

struct GraphProgram {
  std::vector<DType> channels_last;  // types whose images lie so
  std::vector<GraphValue> values;
  std::vector<GraphCall> calls;
  std::vector<GraphView> outputs;
};

struct GraphPort {
  std::string name;
  DType dtype = DType::f32;
  GraphSizes shape;
};

struct GraphData {
  std::vector<GraphPort> inputs;
  std::vector<std::string> outputs;  // names
  NamedTensors constants;            // dense
  std::vector<GraphProgram> programs;
};

}  // namespace dlengine
