// The frame of a chapter.
#include "apps/course/course.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "apps/console.h"
#include "apps/options.h"
#include "dlengine/core/check.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/random.h"
#include "dlengine/data/synthetic_digits.h"

namespace dlengine::apps {
namespace {

/// What ends a chapter after Ctrl-C.
struct Interrupted {};

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check<IoError>(std::filesystem::is_directory(path), "cannot write to the folder {}: {}", path,
                 error ? error.message() : "it is no folder");
}

}  // namespace

Chapter::Chapter(ChapterInfo info, ChapterOptions options)
    : info_(std::move(info)), options_(std::move(options)) {
  make_folder(options_.out);
}

void Chapter::check_interrupt() const {
  if (guard_.interrupted()) throw Interrupted();
}

ImageDataset Chapter::digits(int64_t brief_count) {
  check_interrupt();
  DataOptions data = options_.data;
  if (brief()) {
    data.dataset = "synthetic";
    data.limit = brief_count;
  }
  ChosenData chosen = choose_data(data);
  dataset_ = chosen.name;
  return std::move(chosen.images);
}

std::string Chapter::path(const std::string& file) const {
  return std::filesystem::path(options_.out) / file;
}

void Chapter::save(const Figure& figure, const std::string& part) const {
  check_interrupt();
  const std::string file = path(info_.name + (part.empty() ? "" : "_" + part) + ".svg");
  figure.save(file);
  fmt::print(stderr, "{}: wrote {}\n", info_.name, file);
}

void Chapter::result(const std::string& name, double value) const {
  check_interrupt();
  std::string word = name;
  std::ranges::replace(word, ' ', '_');
  fmt::print("result {}={:.6g}\n", word, value);
}

int run_chapter(const ChapterInfo& info, int argc, char** argv, const std::function<void(Chapter&)>& body) {
  const std::string program = "course_" + info.name;
  CLI::App app(info.about, program);
  ChapterOptions options;
  MachineOptions machine;
  app.add_option("--out", options.out, "Folder for the pictures; made if it is not there")
      ->capture_default_str();
  app.add_flag("--short", options.brief, "A quick try on little data: the numbers mean less");
  add_data_options(app, options.data);
  add_machine_options(app, machine);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return run_guarded(program, [&] {
    if (machine.threads > 0) set_num_threads(machine.threads);
    options.device = choose_device(machine.device);
    options.seed = machine.seed;
    print_device(options.device, machine.device.has_value());
    manual_seed(options.seed);
    try {
      Chapter chapter(info, options);
      body(chapter);
      return 0;
    } catch (const Interrupted&) {
      std::fflush(stdout);
      fmt::print(stderr, "{}: stopped by Ctrl-C\n", program);
      return kExitInterrupted;
    }
  });
}

}  // namespace dlengine::apps
