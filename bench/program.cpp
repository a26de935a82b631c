// What the benchmarks' programs share.
#include "bench/program.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <utility>

namespace dlengine::bench {

std::string take_device_name(std::vector<std::string>& words, const std::string& otherwise) {
  if (words.size() < 2 || words[0] != "--device") return otherwise;
  std::string name = std::move(words[1]);
  words.erase(words.begin(), words.begin() + 2);
  return name;
}

int run_program(const char* name, int argc, char** argv, int (*run)(std::vector<std::string> words)) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 1;
  }
}

}  // namespace dlengine::bench
