// What the benchmarks' programs share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dlengine::bench {

/// The name after a leading "--device", which is taken off the words; else `otherwise`.
std::string take_device_name(std::vector<std::string>& words, const std::string& otherwise);

/// The word as a number above 0. Throws ValueError that says what it should be.
int64_t count_of(const std::string& word, const char* what);
double seconds_of(const std::string& word);

/// main(): the exit status of run(words), or 1 after an error, which is printed with the program's name.
int run_program(const char* name, int argc, char** argv, int (*run)(std::vector<std::string> words));

}  // namespace dlengine::bench
