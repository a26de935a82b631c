// Graphs to read and to draw.
#include <algorithm>
#include <map>

#include "dlengine/core/check.h"
#include "dlengine/core/graph/graph_impl.h"

namespace dlengine {
namespace {

using Kind = GraphValue::Kind;

/// Names of values, and the view that fills each one.
class Reader {
 public:
  Reader(const GraphData& data, const GraphProgram& program) : data_(data), program_(program) {
    whole_.resize(program.values.size());
    for (const GraphCall& call : program.calls) {
      for (size_t i = 0; i < call.tensors.size(); ++i) note(call.tensors[i], call.function->writes[i]);
    }
  }

  std::string name(int number) const {
    const GraphValue& value = program_.values[static_cast<size_t>(number)];
    if (value.kind == Kind::input) return data_.inputs[static_cast<size_t>(value.number)].name;
    if (value.kind == Kind::constant) return data_.constants[static_cast<size_t>(value.number)].first;
    return fmt::format("%{}", number);
  }

  Kind kind(const GraphView& view) const { return program_.values[static_cast<size_t>(view.value)].kind; }

  /// "x", "%3", "%3 as [N, 9216]", "conv1.weight [32, 1, 3, 3]".
  std::string operand(const GraphView& view) const {
    if (view.value < 0) return "none";
    if (kind(view) == Kind::constant) return name(view.value) + " " + place(view);
    return is_whole(view) ? name(view.value) : name(view.value) + " as " + place(view);
  }

  /// Shape, and how it lies where that is not row-major from the start.
  static std::string place(const GraphView& view) {
    std::string text = to_string(view.shape);
    if (lies_row_by_row(view)) return text + from(view);
    if (is_image_order(view)) return text + " channels-last" + from(view);
    return text + " strides " + to_string(view.strides) + from(view);
  }

  /// "conv2d"; "binary.add" for functions that are a family.
  static std::string title(const GraphCall& call) {
    std::string text(call.function->name);
    for (const auto& [name, value] : call.attributes) {
      if (name == kFamily) text += "." + to_string(value);
    }
    return text;
  }

  static std::string attributes(const GraphCall& call) {
    std::string text;
    for (const auto& [name, value] : call.attributes) {
      if (name != kFamily) text += fmt::format(", {} {}", name, to_string(value));
    }
    return text;
  }

 private:
  static constexpr std::string_view kFamily = "op";

  static std::string from(const GraphView& view) {
    return view.offset == GraphSize() ? "" : " from " + to_string(view.offset);
  }

  // Sizes as if N were 2: it is told apart from 1, and any other number would do.
  static Dims numbers(const GraphSizes& sizes) { return at(sizes, 2); }
  static bool lies_row_by_row(const GraphView& view) {
    return is_contiguous(numbers(view.shape), numbers(view.strides));
  }
  static bool is_image_order(const GraphView& view) {
    return view.shape.size() == 4 && is_channels_last(numbers(view.shape), numbers(view.strides));
  }

  /// As an input is given, or as a value was first written.
  bool is_whole(const GraphView& view) const {
    if (kind(view) != Kind::input) return view == whole_[static_cast<size_t>(view.value)];
    const GraphValue& value = program_.values[static_cast<size_t>(view.value)];
    const GraphPort& port = data_.inputs[static_cast<size_t>(value.number)];
    return view.shape == port.shape && view.offset == GraphSize() && lies_row_by_row(view);
  }

  void note(const GraphView& view, bool writes) {
    if (view.value < 0) return;
    GraphView& whole = whole_[static_cast<size_t>(view.value)];
    if (whole.value < 0 && writes) whole = view;
  }

  const GraphData& data_;
  const GraphProgram& program_;
  std::vector<GraphView> whole_;  // as it is first written
};

std::string line_of(const Reader& reader, const GraphCall& call) {
  std::string operands, results, types;
  for (size_t i = 0; i < call.tensors.size(); ++i) {
    const GraphView& view = call.tensors[i];
    if (!call.function->writes[i]) {
      if (view.value >= 0) operands += (operands.empty() ? "" : ", ") + reader.operand(view);
    } else if (view.value >= 0) {
      results += (results.empty() ? "" : ", ") + reader.name(view.value);
      types += fmt::format("{}{} {}", types.empty() ? "" : ", ", view.dtype, Reader::place(view));
    }
  }
  std::string attributes = Reader::attributes(call);
  if (operands.empty() && !attributes.empty()) attributes.erase(0, 2);
  return fmt::format("  {} = {}({}{}) -> {}\n", results, Reader::title(call), operands, attributes, types);
}

/// "1.20 MB".
std::string megabytes(const NamedTensors& tensors) {
  double bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    bytes += static_cast<double>(tensor.numel()) * static_cast<double>(size_of(tensor.dtype()));
  }
  return fmt::format("{:.2f} MB", bytes / 1e6);
}

}  // namespace

std::string to_string(const Graph& graph) {
  const Graph::Impl& impl = *graph.impl_;
  const Reader reader(*impl.data, *impl.program);
  std::string text = fmt::format("graph of {} calls on {}, {} constants of {}, {}\n", graph.size(),
                                 impl.device, impl.constants.size(), megabytes(impl.constants),
                                 graph.any_batch() ? "any batch size N" : "inputs of one shape");
  for (const GraphPort& port : impl.data->inputs) {
    text += fmt::format("  input {}: {} {}\n", port.name, port.dtype, to_string(port.shape));
  }
  for (const GraphCall& call : impl.program->calls) text += line_of(reader, call);
  for (size_t i = 0; i < impl.data->outputs.size(); ++i) {
    const GraphView& view = impl.program->outputs[i];
    text += fmt::format("  output {} = {}: {} {}\n", impl.data->outputs[i], reader.name(view.value),
                        view.dtype, Reader::place(view));
  }
  return text;
}

Diagram diagram(const Graph& graph) {
  const Graph::Impl& impl = *graph.impl_;
  const Reader reader(*impl.data, *impl.program);
  Diagram drawing;
  std::map<int, int> makers;  // the box that last wrote a value
  const auto box = [&](std::vector<std::string> lines, Diagram::Kind kind) {
    drawing.boxes.push_back({std::move(lines), kind});
    return static_cast<int>(drawing.boxes.size()) - 1;
  };
  for (const GraphCall& call : impl.program->calls) {
    std::vector<int> from;
    std::vector<std::string> lines = {Reader::title(call) + Reader::attributes(call)};
    for (size_t i = 0; i < call.tensors.size(); ++i) {
      const GraphView& view = call.tensors[i];
      if (view.value < 0) continue;
      if (call.function->writes[i]) {
        lines.push_back(fmt::format("{} {}", view.dtype, to_string(view.shape)));
        // What is written part by part is handed on.
        if (makers.contains(view.value)) from.push_back(makers[view.value]);
      } else if (reader.kind(view) == Kind::constant) {
        lines.push_back(reader.name(view.value) + " " + to_string(view.shape));
      } else {
        const auto known = makers.find(view.value);
        if (known == makers.end()) {
          makers[view.value] =
              box({reader.name(view.value), fmt::format("{} {}", view.dtype, to_string(view.shape))},
                  Diagram::Kind::input);
        }
        from.push_back(makers[view.value]);
      }
    }
    const int to = box(lines, Diagram::Kind::operation);
    std::sort(from.begin(), from.end());
    from.erase(std::unique(from.begin(), from.end()), from.end());
    for (const int source : from) drawing.arrows.push_back({source, to});
    for (size_t i = 0; i < call.tensors.size(); ++i) {
      if (call.function->writes[i] && call.tensors[i].value >= 0) makers[call.tensors[i].value] = to;
    }
  }
  for (size_t i = 0; i < impl.data->outputs.size(); ++i) {
    const GraphView& view = impl.program->outputs[i];
    const int to = box({impl.data->outputs[i], fmt::format("{} {}", view.dtype, to_string(view.shape))},
                       Diagram::Kind::result);
    const auto maker = makers.find(view.value);
    if (maker != makers.end()) drawing.arrows.push_back({maker->second, to});
  }
  return drawing;
}

}  // namespace dlengine
