// The dlengine command: what this installation is, what it can compute on, and saved graphs.
#include <CLI/CLI.hpp>

#include "apps/console.h"
#include "apps/graph_command.h"
#include "apps/options.h"

int main(int argc, char** argv) {
  CLI::App app("A deep-learning engine in C++20 for CPU and GPU.", "dlengine");
  app.set_version_flag("--version", "dlengine " DLENGINE_VERSION);
  app.require_subcommand(1);
  app.add_subcommand("devices", "List every device, and every reason why one is missing");
  dlengine::apps::GraphOptions options;
  CLI::App* const graph = app.add_subcommand("graph", "Print, draw or run a static graph");
  graph->add_option("file", options.file, "A graph, or weights written by --save of a demo")->required();
  graph->add_option("--save", options.save, "Write the graph, with its weights, to this file");
  graph->add_option("--dot", options.dot, "Write a drawing for Graphviz");
  graph->add_option("--svg", options.svg, "Write a drawing as SVG");
  graph->add_option("--run", options.run,
                    "Run it on the tensors of this safetensors file, and print the results");
  dlengine::apps::add_device_option(*graph, options.device);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : dlengine::apps::kExitUsage;
  }
  return dlengine::apps::run_guarded("dlengine", [&] {
    if (graph->parsed()) return dlengine::apps::graph_command(options);
    dlengine::apps::print_devices();
    return 0;
  });
}
