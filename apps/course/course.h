// What the chapters of the course share: options, data, and where pictures and numbers go.
//
//   int main(int argc, char** argv) {
//     return dlengine::apps::run_chapter({"02_perceptrons", "Gates, and the one that needs two layers."},
//     argc, argv,
//                                        [](dlengine::apps::Chapter& chapter) { ... });
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "apps/data_choice.h"
#include "dlengine/core/device.h"
#include "dlengine/train/interrupt.h"
#include "dlengine/train/plot.h"

namespace dlengine::apps {

struct ChapterInfo {
  std::string name;   // of the program without "course_", and of its pictures
  std::string about;  // for --help
};

struct ChapterOptions {
  DataOptions data;
  std::string out = ".";
  bool brief = false;
  uint64_t seed = 1;
  Device device;
};

class Chapter {
 public:
  Chapter(ChapterInfo info, ChapterOptions options);

  /// True for --short, the form that CI runs.
  bool brief() const { return options_.brief; }
  /// `full`, or with --short the other one.
  template <typename T>
  T choose(T full, T brief_one) const {
    return options_.brief ? brief_one : full;
  }
  Device device() const { return options_.device; }
  uint64_t seed() const { return options_.seed; }

  // After Ctrl-C in a training or a search, the next call of one of these ends the program.

  /// MNIST or what else --data and --dataset say; with --short so many synthetic digits. On the CPU.
  ImageDataset digits(int64_t brief_count = 600);
  /// The name of the data set that digits() gave.
  const std::string& dataset() const { return dataset_; }

  /// The path of a file in the folder --out.
  std::string path(const std::string& file) const;
  /// Writes <name>.svg, or <name>_<part>.svg for a second picture, into the folder and says so on stderr.
  void save(const Figure& figure, const std::string& part = {}) const;
  /// Prints a number that the chapter is about, as "result xor_errors=1"; blanks in the name become '_'.
  void result(const std::string& name, double value) const;

 private:
  void check_interrupt() const;

  ChapterInfo info_;
  ChapterOptions options_;
  std::string dataset_;
  InterruptGuard guard_;
};

/// The whole program: options (--out, --short, --seed, --device, --threads, --data, --dataset), the generator
/// seeded, and the chapter. Exit codes: 0 done, 1 error, 2 wrong usage, 130 stopped by Ctrl-C.
int run_chapter(const ChapterInfo& info, int argc, char** argv, const std::function<void(Chapter&)>& body);

}  // namespace dlengine::apps
