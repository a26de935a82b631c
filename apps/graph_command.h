// The work of the command dlengine graph.
#pragma once

#include <optional>
#include <string>

namespace dlengine::apps {

struct GraphOptions {
  std::string file;            // a graph, or weights that a demo saved
  std::string save, dot, svg;  // files to write; empty: none
  std::string run;             // a safetensors file with the inputs by name; empty: the graph is printed
  std::optional<std::string> device;
};

/// Prints the graph, or the results of a run. Returns 0. Throws IoError and ValueError.
int graph_command(const GraphOptions& options);

}  // namespace dlengine::apps
