// The table of a network's layers, from one forward pass that is observed.
#include "dlengine/layers/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/layers/describe.h"

namespace dlengine {
namespace {

// What one module holds itself.
struct Own final : ModuleVisitor {
  std::vector<Tensor> parameters;
  bool has_children = false;

  explicit Own(Module& module) { module.visit(*this); }
  void parameter(std::string_view, Tensor& tensor) override { parameters.push_back(tensor); }
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module&) override { has_children = true; }
};

// What an output pixel sees along one axis of the input.
struct Field {
  double size = 1;
  double jump = 1;  // input pixels between neighbouring output pixels; below 1 behind up-sampling

  void widen(int64_t extent, int64_t stride, int64_t enlarged) {
    size += static_cast<double>(extent - 1) * jump;
    jump *= static_cast<double>(stride) / static_cast<double>(enlarged);
  }
  int64_t pixels() const {
    constexpr double kRounding = 1e-9;  // of thirds
    return static_cast<int64_t>(std::ceil(size - kRounding));
  }
};

class Recorder final : public ForwardObserver {
 public:
  explicit Recorder(Module& root) {
    for (const auto& [path, module] : root.modules()) paths_.emplace(module, path);
  }

  void called(Module& module, const Shape& input, const Shape& output) override {
    const Own own(module);
    if (own.has_children && own.parameters.empty()) return;
    rows.push_back({.path = paths_[&module],
                    .type = std::string(module.type_name()),
                    .options = module.description(),
                    .output = output,
                    .parameters = count_new(own.parameters),
                    .flops = module.flops(input, output),
                    .receptive_field = receptive_field(module.window(input, output), output)});
  }

  std::vector<SummaryRow> rows;

 private:
  int64_t count_new(const std::vector<Tensor>& parameters) {
    int64_t count = 0;
    for (const Tensor& tensor : parameters) {
      if (counted_.insert(tensor.impl().get()).second) count += tensor.numel();
    }
    return count;
  }

  Dims receptive_field(const Window& window, const Shape& output) {
    if (!window.extent.empty()) fields_.resize(static_cast<size_t>(window.extent.rank()));
    if (output.rank() != static_cast<int>(fields_.size()) + 2) return {};
    Dims sees;
    for (Field& field : fields_) {
      const int axis = sees.rank();
      if (!window.extent.empty()) {
        field.widen(window.extent[axis], window.stride[axis],
                    window.enlarged.empty() ? 1 : window.enlarged[axis]);
      }
      sees.push_back(field.pixels());
    }
    return sees;
  }

  std::unordered_map<const Module*, std::string> paths_;
  std::unordered_set<const void*> counted_;
  std::vector<Field> fields_ =
      std::vector<Field>(2);  // one for each axis of space; images, until a layer looks at something else
};

// "1234567" -> "1,234,567".
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

// "1.2 M"; counts below a thousand as they are.
std::string in_units(int64_t number) {
  double value = static_cast<double>(number);
  if (value < 1e3) return std::to_string(number);
  for (const char* unit : {"k", "M", "G"}) {
    value /= 1e3;
    if (value < 999.5) return fmt::format("{:.3g} {}", value, unit);
  }
  return fmt::format("{:.4g} T", value / 1e3);
}

using Cells = std::array<std::string, 6>;

Cells cells_of(const SummaryRow& row) {
  return {row.path.empty() ? "-" : row.path,
          row.options.empty() ? row.type : row.type + "(" + row.options + ")",
          to_string(row.output),
          grouped(row.parameters),
          in_units(row.flops),
          by_x(row.receptive_field)};
}

std::string table(const std::vector<Cells>& lines) {
  std::array<size_t, 6> width{};
  for (const Cells& line : lines) {
    for (size_t i = 0; i < width.size(); ++i) width[i] = std::max(width[i], line[i].size());
  }
  std::string out;
  for (const Cells& line : lines) {
    std::string row =
        fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {:>{}}", line[0], width[0], line[1], width[1],
                    line[2], width[2], line[3], width[3], line[4], width[4], line[5], width[5]);
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  }
  return out;
}

}  // namespace

std::vector<SummaryRow> summary_rows(Module& module, const Shape& input) {
  DType dtype = DType::f32;
  Device device = kCpu;
  for (const NamedModule& below : module.modules()) {
    const Own own(*below.module);
    if (own.parameters.empty() || !own.parameters[0].defined()) continue;
    dtype = own.parameters[0].dtype();
    device = own.parameters[0].device();
    break;
  }
  const NoGrad no_grad;
  const EvaluationMode evaluation(module);
  Recorder recorder(module);
  module(zeros(input, module.input_type(dtype), device));
  return std::move(recorder.rows);
}

std::string summary(Module& module, const Shape& input) {
  const std::vector<SummaryRow> rows = summary_rows(module, input);
  std::vector<Cells> lines = {{"layer", "type", "output", "parameters", "FLOPs", "sees"}};
  int64_t parameters = 0, flops = 0;
  for (const SummaryRow& row : rows) {
    lines.push_back(cells_of(row));
    parameters += row.parameters;
    flops += row.flops;
  }
  lines.push_back({"total", "input " + to_string(input), "", grouped(parameters), in_units(flops), ""});
  return table(lines);
}

}  // namespace dlengine
