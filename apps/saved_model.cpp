// Networks from files.
#include "apps/saved_model.h"

#include "apps/networks.h"
#include "dlengine/core/check.h"
#include "dlengine/layers/trace.h"

namespace dlengine::apps {

std::string entry(const std::map<std::string, std::string>& metadata, const std::string& key,
                  const std::string& path) {
  const auto found = metadata.find(key);
  check<IoError>(found != metadata.end(), "{} does not say its {}: need weights that a demo saved", path,
                 key);
  return found->second;
}

SavedModel load_model(const std::string& path, Device device) {
  SafetensorsFile file = load_safetensors(path);
  if (file.metadata.erase(kGraphKey) > 0) return {Graph::load(path, device), file.metadata};
  const std::string network = entry(file.metadata, kModelKey, path);
  Sequential net = make_network(network);
  net.load_state(file.tensors);
  return {trace(net, image_shape(network)).to(device), file.metadata};
}

}  // namespace dlengine::apps
