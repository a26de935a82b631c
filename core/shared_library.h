// Internal: libraries that are opened when they are first needed.
#pragma once

#include <string>

namespace dlengine {

/// A library, or in one line why it cannot be opened.
struct OpenedLibrary {
  void* handle = nullptr;
  std::string reason = {};
};

/// Opens a library for the rest of the process: the file at `path` if that is not empty, else the one of that
/// name beside libdlengine.so, else what the loader finds under the name.
OpenedLibrary open_library(const char* file_name, const std::string& path = {});

/// The function of that name in it; null if there is none.
void* find_function(const OpenedLibrary& library, const char* name);

/// The text with spaces in place of line ends.
std::string one_line(std::string text);

}  // namespace dlengine
