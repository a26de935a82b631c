// Internal: how operations know that their thread traces a computation instead of running it.
#pragma once

#include "dlengine/core/device.h"

namespace dlengine {

class Backend;
class Tensor;

/// What stands in for the device's backend while a computation is traced on this thread.
struct Tracing {
  Backend* backend = nullptr;  // null: nothing is traced
  Device device;
};
extern constinit thread_local Tracing tracing_on_this_thread;

/// Throws ValueError if a computation is traced on this thread, as it `does` what a graph cannot hold.
void refuse_in_trace(const char* does);
/// Says that the tensor holds values of the host, so that a graph may keep but not overwrite them.
void note_host_values(const Tensor& tensor);

}  // namespace dlengine
