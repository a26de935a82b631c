// A static graph: a computation without the C++ code that describes it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/diagram.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

struct GraphData;

/// Metadata entry of files that hold a graph.
inline constexpr const char* kGraphKey = "dlengine.graph";

/// A list of calls of core/backend.h with their tensors as views of numbered values: made by trace(), or
/// loaded from a file. It needs neither the tape nor the module that it was traced from, and holds a copy of
/// the weights. On every device it gives the bits of what was traced, run there. Copies share everything.
class Graph {
 public:
  /// What goes in or comes out.
  struct Port {
    std::string name;
    DType dtype = DType::f32;
    std::string shape;  // "[N, 10]"; N is the batch size
  };

  /// For trace(), and for files that were checked.
  Graph(std::shared_ptr<const GraphData> data, Device device);

  /// Reads what save() wrote. Nothing in the file is trusted: every size, position, name and type is checked
  /// before anything is computed. Throws IoError that says what is wrong and where.
  static Graph load(const std::string& path, Device device = kCpu);
  /// One safetensors file: the weights under their names, the calls as JSON in the metadata entry kGraphKey,
  /// beside entries of the caller's.
  void save(const std::string& path, const std::map<std::string, std::string>& metadata = {}) const;

  /// The same graph on a device.
  Graph to(Device device) const;
  Device device() const;

  /// Results for inputs on any device, on the graph's device and off the tape. Memory of what is computed on
  /// the way is given back after its last use. Several threads may call. Throws ValueError, DTypeError or
  /// ShapeError for inputs that are not as inputs() says.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const;
  /// run() of a graph with one input and one result.
  Tensor operator()(const Tensor& x) const;

  std::vector<Port> inputs() const;
  std::vector<Port> outputs() const;
  /// Weights and other constants, on the device.
  const NamedTensors& constants() const;
  /// Calls of one run.
  size_t size() const;
  /// How often one run calls a function of core/backend.h.
  size_t count(std::string_view function) const;
  /// True if it takes batches of every size.
  bool any_batch() const;

 private:
  friend std::string to_string(const Graph& graph);
  friend Diagram diagram(const Graph& graph);
  struct Impl;

  std::shared_ptr<const Impl> impl_;
};

/// Readable text, a line for each call: "%2 = conv2d(x, conv1.weight [32, 1, 3, 3], ...) -> f32 [N, 32, 26,
/// 26]".
std::string to_string(const Graph& graph);
/// For to_dot() and to_svg(): a box for each call.
Diagram diagram(const Graph& graph);

/// An input of what is traced; the size of the first axis is the batch size, if it is batched.
struct TraceInput {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
  bool batched = true;
};

struct TraceOptions {
  std::vector<std::string> outputs = {};  // names; else "y" or "y0", "y1", ...
  NamedTensors constants = {};  // tensors with names; others that are read are called "constant.0", ...
  Device device = kCpu;         // where the computation's tensors are
  /// The graph takes batches of every size: all sizes in it are linear in the size of the batch, which is
  /// seen from traces of three. Else it takes inputs of the given shapes only.
  bool any_batch = true;
};

/// Calls f with inputs of these shapes, computes nothing, and keeps what f asks the device for. f must do the
/// same whatever the elements are. Throws ValueError with the reason where a graph cannot hold it: it draws
/// random numbers, reads elements on the host, writes to weights or inputs, or does another thing for another
/// batch size. Reads through raw addresses (Tensor::data) go unseen, and see undefined elements.
Graph trace(const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f,
            const std::vector<TraceInput>& inputs, const TraceOptions& options = {});

}  // namespace dlengine
