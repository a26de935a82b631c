// Opening a backend that lives in a shared library of its own.
#include "dlengine/kernels/plugin.h"

#include "dlengine/core/check.h"
#include "dlengine/core/shared_library.h"

namespace dlengine {

OpenedBackend open_backend(OpenBackend entry) {
  char reason[1024] = {};
  Backend* backend = entry(kBackendAbi, reason, sizeof(reason));
  return {backend, backend ? std::string{} : one_line(reason)};
}

OpenedBackend open_plugin(const char* file_name, const std::string& path) {
  const OpenedLibrary library = open_library(file_name, path);
  if (!library.handle) {
    if (library.reason.starts_with(file_name)) {
      return {nullptr, fmt::format("dlengine has no CUDA backend beside it: {}", library.reason)};
    }
    return {nullptr, fmt::format("the CUDA backend cannot be loaded: {}", library.reason)};
  }
  void* entry = find_function(library, kOpenBackendSymbol);
  if (!entry) {
    return {nullptr, fmt::format("{} is no plugin of dlengine: it has no {}", path.empty() ? file_name : path,
                                 kOpenBackendSymbol)};
  }
  return open_backend(reinterpret_cast<OpenBackend>(entry));
}

}  // namespace dlengine
