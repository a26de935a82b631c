// Libraries that are opened when they are first needed.
#include "dlengine/core/shared_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>

namespace dlengine {

namespace {

// The file of that name in the folder of the library that holds this function, or of the program; empty if it
// is not there.
std::string beside_this_library(const char* file_name) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&open_library), &info) == 0 || !info.dli_fname) return {};
  std::error_code error;
  const std::filesystem::path library = std::filesystem::canonical(info.dli_fname, error);
  const std::filesystem::path wanted = library.parent_path() / file_name;
  return !error && std::filesystem::exists(wanted, error) ? wanted.string() : std::string{};
}

}  // namespace

OpenedLibrary open_library(const char* file_name, const std::string& path) {
  const std::string beside = path.empty() ? beside_this_library(file_name) : path;
  // Bound at once, so that a missing symbol is a reason here and not a crash later; local, so that no name of
  // the library's own libraries meets one of the program's.
  void* handle = dlopen(beside.empty() ? file_name : beside.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return {nullptr, one_line(dlerror())};
  return {handle};
}

void* find_function(const OpenedLibrary& library, const char* name) { return dlsym(library.handle, name); }

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace dlengine
