// Graphs in files: weights as tensors, calls as JSON in the metadata.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "dlengine/core/check.h"
#include "dlengine/core/graph/graph_impl.h"

namespace dlengine {
namespace {

using Json = nlohmann::ordered_json;
using Kind = GraphValue::Kind;

constexpr int64_t kVersion = 1;
// Whole numbers that are no sizes: strides of windows, groups, axes. Small enough for any sum and product of
// them.
constexpr int64_t kLargestNumber = int64_t{1} << 22;

// --- Writing ---

Json to_json(const GraphSize& size) {
  if (size.per_sample == 0) return size.fixed;
  return {size.fixed, size.per_sample};
}

Json to_json(const GraphSizes& sizes) {
  Json list = Json::array();
  for (const GraphSize& size : sizes) list.push_back(to_json(size));
  return list;
}

Json to_json(const GraphView& view) {
  if (view.value < 0) return nullptr;
  return {{"value", view.value},
          {"dtype", name(view.dtype)},
          {"shape", to_json(view.shape)},
          {"strides", to_json(view.strides)},
          {"offset", to_json(view.offset)}};
}

Json to_json(const std::vector<GraphView>& views) {
  Json list = Json::array();
  for (const GraphView& view : views) list.push_back(to_json(view));
  return list;
}

Json to_json(const AttributeValue& value) {
  struct Writer {
    Json operator()(bool yes) const { return yes; }
    Json operator()(int64_t number) const { return number; }
    // JSON has no infinity and no NaN.
    Json operator()(double number) const {
      return std::isfinite(number) ? Json(number) : Json(fmt::format("{}", number));
    }
    Json operator()(Size2 size) const { return {size.h, size.w}; }
    Json operator()(const std::string& word) const { return word; }
  };
  return std::visit(Writer{}, value);
}

Json to_json(const GraphValue& value) {
  switch (value.kind) {
    case Kind::input: return {{"input", value.number}};
    case Kind::constant: return {{"constant", value.number}};
    case Kind::computed: break;
  }
  return {{"bytes", to_json(value.bytes)}};
}

Json to_json(const GraphCall& call) {
  Json attributes = Json::object();
  for (const auto& [name, value] : call.attributes) attributes[name] = to_json(value);
  return {{"function", call.function->name}, {"with", attributes}, {"tensors", to_json(call.tensors)}};
}

Json to_json(const GraphProgram& program) {
  Json types = Json::array(), values = Json::array(), calls = Json::array();
  for (const DType dtype : program.channels_last) types.push_back(name(dtype));
  for (const GraphValue& value : program.values) values.push_back(to_json(value));
  for (const GraphCall& call : program.calls) calls.push_back(to_json(call));
  return {
      {"channels_last", types}, {"values", values}, {"calls", calls}, {"outputs", to_json(program.outputs)}};
}

Json to_json(const GraphData& data) {
  Json inputs = Json::array(), constants = Json::array(), programs = Json::array();
  for (const GraphPort& port : data.inputs) {
    inputs.push_back({{"name", port.name}, {"dtype", name(port.dtype)}, {"shape", to_json(port.shape)}});
  }
  for (const auto& [name, tensor] : data.constants) constants.push_back(name);
  for (const GraphProgram& program : data.programs) programs.push_back(to_json(program));
  return {{"version", kVersion},
          {"inputs", inputs},
          {"outputs", data.outputs},
          {"constants", constants},
          {"programs", programs}};
}

// --- Reading: each function says what it needs, and takes nothing else ---

const Json& field(const Json& object, const char* key) {
  check<IoError>(object.is_object() && object.contains(key), "\"{}\" is missing", key);
  return object[key];
}

/// The fields of an object; it must have no others.
void only(const Json& object, std::initializer_list<std::string_view> keys) {
  for (const auto& [key, value] : object.items()) {
    check<IoError>(std::find(keys.begin(), keys.end(), key) != keys.end(), "\"{}\" is not known here", key);
  }
}

const Json& list(const Json& object, const char* key) {
  const Json& found = field(object, key);
  check<IoError>(found.is_array(), "\"{}\" is no list", key);
  return found;
}

std::string text(const Json& value) {
  check<IoError>(value.is_string(), "{} is no text", value.dump());
  return value.get<std::string>();
}

int64_t whole(const Json& value, int64_t least, int64_t most) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()}) &&
                    value.get<int64_t>() >= least && value.get<int64_t>() <= most;
  check<IoError>(fits, "{} is no whole number from {} to {}", value.dump(), least, most);
  return value.get<int64_t>();
}

DType read_type(const Json& value) {
  const std::string text_of_type = text(value);
  for (const DType dtype :
       {DType::f16, DType::bf16, DType::f32, DType::f64, DType::u8, DType::i32, DType::i64, DType::boolean}) {
    if (name(dtype) == text_of_type) return dtype;
  }
  fail<IoError>("there is no element type \"{}\"", text_of_type);
}

GraphSize read_size(const Json& value) {
  constexpr int64_t kMost = int64_t{1} << 48;  // of a size, as in GraphSize::at
  if (!value.is_array()) return whole(value, 0, kMost);
  check<IoError>(value.size() == 2, "{} is no pair", value.dump());
  return {whole(value[0], -kMost, kMost), whole(value[1], -kMost, kMost)};
}

GraphSizes read_sizes(const Json& value) {
  check<IoError>(value.is_array() && value.size() <= size_t{kMaxRank}, "{} is no list of at most {} sizes",
                 value.dump(), kMaxRank);
  GraphSizes sizes;
  for (const Json& size : value) sizes.push_back(read_size(size));
  return sizes;
}

GraphView read_view(const Json& object) {
  if (object.is_null()) return {};
  only(object, {"value", "dtype", "shape", "strides", "offset"});
  GraphView view;
  view.value = static_cast<int>(whole(field(object, "value"), 0, std::numeric_limits<int>::max()));
  view.dtype = read_type(field(object, "dtype"));
  view.shape = read_sizes(field(object, "shape"));
  view.strides = read_sizes(field(object, "strides"));
  view.offset = read_size(field(object, "offset"));
  return view;
}

std::vector<GraphView> read_views(const Json& values) {
  std::vector<GraphView> views;
  for (const Json& value : values) views.push_back(read_view(value));
  return views;
}

AttributeValue read_attribute(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_number_integer()) return whole(value, -kLargestNumber, kLargestNumber);
  if (value.is_array() && value.size() == 2) {
    return Size2(whole(value[0], 0, kLargestNumber), whole(value[1], 0, kLargestNumber));
  }
  const std::string word = text(value);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (word == "inf") return kInfinity;
  if (word == "-inf") return -kInfinity;
  if (word == "nan" || word == "-nan") return std::numeric_limits<double>::quiet_NaN();
  return word;
}

GraphCall read_call(const Json& object) {
  only(object, {"function", "with", "tensors"});
  GraphCall call{&backend_function(text(field(object, "function"))), {}, read_views(list(object, "tensors"))};
  const Json& attributes = field(object, "with");
  check<IoError>(attributes.is_object(), "\"with\" is no object");
  for (const auto& [name, value] : attributes.items())
    call.attributes.emplace_back(name, read_attribute(value));
  return call;
}

GraphValue read_value(const Json& object) {
  check<IoError>(object.is_object() && object.size() == 1, "{} is no value", object.dump());
  only(object, {"input", "constant", "bytes"});
  if (object.contains("bytes")) return {Kind::computed, 0, read_size(object["bytes"])};
  const bool input = object.contains("input");
  const Json& number = input ? object["input"] : object["constant"];
  return {input ? Kind::input : Kind::constant,
          static_cast<int>(whole(number, 0, std::numeric_limits<int>::max())),
          {}};
}

GraphProgram read_program(const Json& object, size_t outputs) {
  only(object, {"channels_last", "values", "calls", "outputs"});
  GraphProgram program;
  for (const Json& dtype : list(object, "channels_last")) program.channels_last.push_back(read_type(dtype));
  for (const Json& value : list(object, "values")) program.values.push_back(read_value(value));
  for (const Json& call : list(object, "calls")) {
    try {
      program.calls.push_back(read_call(call));
    } catch (Error& error) {
      error.add_context(fmt::format("call {}", program.calls.size()));
      throw;
    }
  }
  program.outputs = read_views(list(object, "outputs"));
  check<IoError>(program.outputs.size() == outputs, "there are {} results and {} names for them",
                 program.outputs.size(), outputs);
  return program;
}

GraphPort read_port(const Json& object) {
  only(object, {"name", "dtype", "shape"});
  GraphPort port{text(field(object, "name")), read_type(field(object, "dtype")),
                 read_sizes(field(object, "shape"))};
  for (const GraphSize& size : port.shape) {
    check<IoError>(size.per_sample == 0 || size == GraphSize(0, 1),
                   "an input has a size of {}, need N or a number", to_string(size));
  }
  return port;
}

/// The named constants in the graph's order; the file must hold no others.
NamedTensors read_constants(const Json& names, const NamedTensors& tensors) {
  NamedTensors constants;
  std::set<std::string> seen;
  for (const Json& entry : names) {
    const std::string name = text(entry);
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first == name; });
    check<IoError>(found != tensors.end(), "the file has no tensor \"{}\"", name);
    check<IoError>(seen.insert(name).second, "the constant \"{}\" is named twice", name);
    constants.push_back(*found);
  }
  check<IoError>(constants.size() == tensors.size(), "the file has {} tensors, the graph {} constants",
                 tensors.size(), constants.size());
  return constants;
}

Json parse(const std::string& source) {
  static constexpr int kDepth = 12;
  check<IoError>(source.find('\0') == std::string::npos, "it has a NUL");
  try {
    return Json::parse(source, [](int depth, Json::parse_event_t, const Json&) {
      check<IoError>(depth <= kDepth, "it is nested more than {} levels deep", kDepth);
      return true;
    });
  } catch (const Json::exception& error) {
    fail<IoError>("{}", error.what());
  }
}

GraphData read_graph(const SafetensorsFile& file) {
  const auto found = file.metadata.find(kGraphKey);
  check<IoError>(found != file.metadata.end(), "the file holds no graph");
  const Json object = parse(found->second);
  const int64_t version = whole(field(object, "version"), 0, kLargestNumber);
  check<IoError>(version == kVersion, "the graph is of version {}, this program reads version {}", version,
                 kVersion);
  only(object, {"version", "inputs", "outputs", "constants", "programs"});
  GraphData data;
  for (const Json& port : list(object, "inputs")) data.inputs.push_back(read_port(port));
  for (const Json& output : list(object, "outputs")) data.outputs.push_back(text(output));
  data.constants = read_constants(list(object, "constants"), file.tensors);
  for (const Json& program : list(object, "programs")) {
    data.programs.push_back(read_program(program, data.outputs.size()));
  }
  return data;
}

/// Every program, as it would run: with a batch of two, if it takes any.
void check_programs(const GraphData& data) {
  for (const GraphProgram& program : data.programs) make_plan(data, program, bound_calls(program), 2);
}

}  // namespace

void Graph::save(const std::string& path, const std::map<std::string, std::string>& metadata) const {
  std::map<std::string, std::string> entries = metadata;
  entries[kGraphKey] = to_json(*impl_->data).dump();
  save_safetensors(path, impl_->constants, entries);
}

Graph Graph::load(const std::string& path, Device device) {
  const SafetensorsFile file = load_safetensors(path);
  try {
    auto data = std::make_shared<GraphData>(read_graph(file));
    check_programs(*data);
    return Graph(std::move(data), device);
  } catch (const IoError& error) {
    fail<IoError>("Graph::load: {}: {}", path, error.what());
  }
}

}  // namespace dlengine
