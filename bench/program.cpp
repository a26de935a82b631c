// What the benchmarks' programs share.
#include "bench/program.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "dlengine/core/error.h"

namespace dlengine::bench {

std::string take_device_name(std::vector<std::string>& words, const std::string& otherwise) {
  if (words.size() < 2 || words[0] != "--device") return otherwise;
  std::string name = std::move(words[1]);
  words.erase(words.begin(), words.begin() + 2);
  return name;
}

namespace {

template <typename T>
T positive(const std::string& word, const char* what) {
  T value = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc() || stop != end || !(value > 0) || !std::isfinite(static_cast<double>(value)))
    throw ValueError(fmt::format("\"{}\" is no {} above 0", word, what));
  return value;
}

}  // namespace

int64_t count_of(const std::string& word, const char* what) { return positive<int64_t>(word, what); }

double seconds_of(const std::string& word) { return positive<double>(word, "number of seconds"); }

int run_program(const char* name, int argc, char** argv, int (*run)(std::vector<std::string> words)) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 1;
  }
}

}  // namespace dlengine::bench
