// The list of reports, and the names of places in code.
#include "tests/emulator/report.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

namespace dlengine::emulator {

namespace {

struct Filed {
  std::mutex mutex;  // reports come from any thread of the host
  std::vector<std::string> reports;
  std::set<std::pair<std::string, const void*>> findings;
  std::map<const void*, std::string> places;
};

Filed& filed() {
  static Filed& all = *new Filed;  // used until the very end of the process
  return all;
}

std::string output_of(const std::string& command) {
  const auto close = [](FILE* pipe) { pclose(pipe); };
  const std::unique_ptr<FILE, decltype(close)> pipe(popen(command.c_str(), "r"), close);
  std::string text;
  std::array<char, 4096> buffer;
  while (pipe && std::fgets(buffer.data(), int(buffer.size()), pipe.get())) text += buffer.data();
  return text;
}

// Of the lines "path:line" that addr2line prints from the inside out, those that are not of system headers or
// of the emulation's own.
std::string readable_places(const std::string& lines) {
  std::string all;
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    std::string line = lines.substr(begin, end - begin);
    begin = end + 1;
    line = line.substr(0, line.find(" (discriminator"));
    const std::string name = line.substr(line.rfind('/') + 1);
    if (line.starts_with("??") || line.starts_with("/usr/") || name.starts_with("device.h:")) continue;
    if (!all.empty()) all += " in ";
    all += name;
  }
  return all;
}

std::string find_place(const void* code_address) {
  const void* const call = static_cast<const char*>(code_address) - 1;
  Dl_info module{};
  if (dladdr(call, &module) == 0) return fmt::format("{}", code_address);
  const uintptr_t offset = uintptr_t(call) - uintptr_t(module.dli_fbase);
  // Programs that are not position-independent are not relocated.
  for (const uintptr_t address : {offset, uintptr_t(call)}) {
    std::string place = readable_places(
        output_of(fmt::format("addr2line -i -e '{}' {:#x} 2>/dev/null", module.dli_fname, address)));
    if (!place.empty()) return place;
  }
  const std::string_view path = module.dli_fname;
  return fmt::format("{}+{:#x}", path.substr(path.rfind('/') + 1), offset);
}

}  // namespace

void report(std::string_view kind, const std::string& text) {
  const std::string line = fmt::format("{}: {}", kind, text);
  const std::lock_guard lock(filed().mutex);
  std::vector<std::string>& reports = filed().reports;
  if (std::find(reports.begin(), reports.end(), line) == reports.end()) reports.push_back(line);
}

bool is_first_finding(std::string_view kind, const void* code_address) {
  const std::lock_guard lock(filed().mutex);
  return filed().findings.emplace(kind, code_address).second;
}

std::vector<std::string> take_reports() {
  const std::lock_guard lock(filed().mutex);
  filed().findings.clear();
  return std::exchange(filed().reports, {});
}

std::string place_of(const void* code_address) {
  const std::lock_guard lock(filed().mutex);
  const auto [found, is_new] = filed().places.try_emplace(code_address);
  if (is_new) found->second = find_place(code_address);
  return found->second;
}

}  // namespace dlengine::emulator
