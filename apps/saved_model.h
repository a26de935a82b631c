// Networks from files: weights that a demo saved, or a graph.
#pragma once

#include <map>
#include <string>

#include "dlengine/core/graph.h"

namespace dlengine::apps {

struct SavedModel {
  Graph graph;                                  // of weights: as traced from the network that they name
  std::map<std::string, std::string> metadata;  // of the file, without the graph
};

/// Throws IoError for files that hold neither.
SavedModel load_model(const std::string& path, Device device);

/// An entry of the metadata. Throws IoError that names the path if it is missing.
std::string entry(const std::map<std::string, std::string>& metadata, const std::string& key,
                  const std::string& path);

}  // namespace dlengine::apps
