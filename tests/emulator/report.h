// What the emulated device found wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dlengine::emulator {

/// Files "kind: text", once for each kind and text. Kinds are short and fixed ("out of bounds", "race between
/// threads"), for tests to match.
void report(std::string_view kind, const std::string& text);

/// What was filed since the last call, in order; the list is then empty.
std::vector<std::string> take_reports();

/// "file:line" of a return address, or the address itself where there is no line.
std::string place_of(const void* code_address);

}  // namespace dlengine::emulator
