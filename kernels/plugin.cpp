// Opening a backend that lives in a shared library of its own.
#include "dlengine/kernels/plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// The file of that name in the folder of the library that holds this function, or of the program; empty if it
// is not there.
std::string beside_this_library(const char* file_name) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&open_plugin), &info) == 0 || !info.dli_fname) return {};
  std::error_code error;
  const std::filesystem::path library = std::filesystem::canonical(info.dli_fname, error);
  const std::filesystem::path plugin = library.parent_path() / file_name;
  return !error && std::filesystem::exists(plugin, error) ? plugin.string() : std::string{};
}

}  // namespace

OpenedBackend open_backend(OpenBackend entry) {
  char reason[1024] = {};
  Backend* backend = entry(kBackendAbi, reason, sizeof(reason));
  return {backend, backend ? std::string{} : one_line(reason)};
}

OpenedBackend open_plugin(const char* file_name, const std::string& path) {
  const std::string beside = path.empty() ? beside_this_library(file_name) : path;
  // Bound at once, so that a missing symbol is a reason here and not a crash later; local, so that no name of
  // the plugin's libraries meets one of the program's.
  void* library = dlopen(beside.empty() ? file_name : beside.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const std::string text = one_line(dlerror());
    if (text.starts_with(file_name)) {
      return {nullptr, fmt::format("dlengine has no CUDA backend beside it: {}", text)};
    }
    return {nullptr, fmt::format("the CUDA backend cannot be loaded: {}", text)};
  }
  void* entry = dlsym(library, kOpenBackendSymbol);
  if (!entry) {
    return {nullptr, fmt::format("{} is no plugin of dlengine: it has no {}", beside, kOpenBackendSymbol)};
  }
  return open_backend(reinterpret_cast<OpenBackend>(entry));
}

}  // namespace dlengine
