// Printing, drawing, saving and running a graph.
#include "apps/graph_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/console.h"
#include "apps/saved_model.h"
#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/train/diagram_svg.h"

namespace dlengine::apps {
namespace {

void run_graph(const Graph& graph, const std::string& path) {
  const NamedTensors given = load_safetensors(path).tensors;
  std::vector<Tensor> inputs;
  for (const Graph::Port& port : graph.inputs()) {
    const auto found =
        std::find_if(given.begin(), given.end(), [&](const auto& named) { return named.first == port.name; });
    check<ValueError>(found != given.end(), "{} has no tensor \"{}\": the graph needs it, {} {}", path,
                      port.name, name(port.dtype), port.shape);
    inputs.push_back(found->second);
  }
  const std::vector<Tensor> results = graph.run(inputs);
  for (size_t i = 0; i < results.size(); ++i) {
    fmt::print("{} =\n{}\n", graph.outputs()[i].name, to_string(results[i]));
  }
}

}  // namespace

int graph_command(const GraphOptions& options) {
  const SavedModel model = load_model(options.file, choose_device(options.device));
  if (!options.save.empty()) model.graph.save(options.save, model.metadata);
  if (!options.svg.empty()) save_svg(diagram(model.graph), options.svg);
  if (!options.dot.empty()) {
    const std::string text = to_dot(diagram(model.graph));
    AtomicFile file(options.dot);
    file.write(text.data(), text.size());
    file.commit();
  }
  if (options.run.empty()) {
    fmt::print("{}", to_string(model.graph));
  } else {
    run_graph(model.graph, options.run);
  }
  return 0;
}

}  // namespace dlengine::apps
