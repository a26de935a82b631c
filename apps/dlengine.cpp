// The dlengine command: what this installation is and what it can compute on.
#include <CLI/CLI.hpp>

#include "apps/console.h"

int main(int argc, char** argv) {
  CLI::App app("A deep-learning engine in C++20 for CPU and GPU.", "dlengine");
  app.set_version_flag("--version", "dlengine " DLENGINE_VERSION);
  app.require_subcommand(1);
  app.add_subcommand("devices", "List every device, and every reason why one is missing");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : dlengine::apps::kExitUsage;
  }
  return dlengine::apps::run_guarded("dlengine", [] {
    dlengine::apps::print_devices();
    return 0;
  });
}
