// Internal: a graph on a device.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "dlengine/core/graph.h"
#include "dlengine/core/graph/plan.h"

namespace dlengine {

struct Graph::Impl {
  Impl(std::shared_ptr<const GraphData> graph, Device where);

  /// The plan for that batch size; made when it is first asked for.
  std::shared_ptr<const GraphPlan> plan_for(int64_t batch) const;

  std::shared_ptr<const GraphData> data;
  const GraphProgram* program;  // the one for the device's order of images
  Device device;
  NamedTensors constants;
  std::vector<BoundCall> calls;

 private:
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::shared_ptr<const GraphPlan>> plans_;
};

}  // namespace dlengine
