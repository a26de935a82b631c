// Opening a backend that lives in a shared library of its own.
#pragma once

#include <string>

#include "dlengine/core/backend.h"

namespace dlengine {

/// A backend, or in one line why there is none.
struct OpenedBackend {
  Backend* backend = nullptr;
  std::string reason;
};

/// Asks the entry point of a plugin, or of a backend that is linked in.
OpenedBackend open_backend(OpenBackend entry);

/// Opens a plugin for the rest of the process and asks it for its backend. The library is the file at `path`
/// if that is not empty, else the one of that name beside libdlengine.so, else what the loader finds under
/// the name.
OpenedBackend open_plugin(const char* file_name, const std::string& path);

}  // namespace dlengine
