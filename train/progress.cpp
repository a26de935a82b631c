// The progress bar and the lines of epochs. Wiping is done with blanks, so escape codes are only used for
// color.
#include "dlengine/train/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace dlengine {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr size_t kLongestBar = 30;
constexpr std::string_view kGreen = "\033[32m";
constexpr std::string_view kPlain = "\033[0m";

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void write_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

std::string duration(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02} h", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string values(const Metrics& metrics, std::string_view prefix = "") {
  std::string text = fmt::format("  {}loss {:.4f}", prefix, metrics.loss);
  if (metrics.classes) text += fmt::format("  {}accuracy {:.4f}", prefix, metrics.accuracy);
  for (const auto& [name, value] : metrics.others) text += fmt::format("  {}{} {:.4f}", prefix, name, value);
  return text;
}

}  // namespace

ProgressOptions stderr_progress() {
  ProgressOptions options;
  options.terminal = isatty(STDERR_FILENO) != 0;
  const char* type = std::getenv("TERM");
  options.color = options.terminal && !is_set("NO_COLOR") && std::string_view(type ? type : "") != "dumb";
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) options.width = size.ws_col;
  return options;
}

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
  if (!options_.write) options_.write = write_stderr;
  if (!options_.clock) options_.clock = steady_seconds;
}

Progress::~Progress() {
  if (columns_ > 0) options_.write("\n");
}

void Progress::start_epoch(int64_t epoch, int64_t epochs, int64_t samples, int64_t already) {
  epoch_ = epoch;
  epochs_ = epochs;
  samples_ = samples;
  already_ = already;
  updated_ = now();
  if (options_.terminal) draw_bar(samples > 0 ? double(already) / double(samples) : 0, "");
}

bool Progress::due() const { return now() - updated_ >= kRedrawSeconds; }

void Progress::update(const Metrics& so_far) {
  updated_ = now();
  if (!options_.terminal || samples_ == 0) return;
  const double speed = rate(so_far);
  std::string text = values(so_far) + fmt::format("  {:.0f} {}/s", speed, options_.unit);
  if (speed > 0) text += fmt::format("  {} left", duration(double(samples_ - so_far.samples) / speed));
  draw_bar(double(so_far.samples) / double(samples_), text);
}

void Progress::finish_epoch(const EpochRecord& record) {
  std::string text = head() + values(record.train);
  if (record.validation.samples > 0) text += values(record.validation, "val_");
  write_line(text + fmt::format("  {:.0f} {}/s  {:.1f} s", record.rate, options_.unit, record.train.seconds));
}

void Progress::stop_epoch(const Metrics& so_far, std::string_view reason) {
  write_line(fmt::format("{}{}  {} after {} of {} {}", head(), values(so_far), reason, so_far.samples,
                         samples_, options_.unit));
}

double Progress::rate(const Metrics& so_far) const {
  return so_far.seconds > 0 ? double(so_far.samples - already_) / so_far.seconds : 0;
}

std::string Progress::head() const { return fmt::format("epoch {}/{}", epoch_, epochs_); }

// Narrow terminals get a shorter bar, then none, then less text: a line that wraps could not be redrawn.
void Progress::draw_bar(double share, const std::string& text) {
  share = std::min(share, 1.0);  // an epoch that went on with less data has seen more than all
  const std::string start = head();
  const std::string percent = fmt::format(" {:3.0f} %", std::floor(100 * share));
  const size_t limit = options_.width > 0 ? static_cast<size_t>(options_.width) - 1 : size_t{1000};
  const size_t used = start.size() + percent.size() + text.size() + 3;  // 3: blank and brackets
  const size_t length = limit > used ? std::min(kLongestBar, limit - used) : 0;
  std::string line = start;
  size_t columns = used + length;
  if (length > 0) {
    const auto filled = static_cast<size_t>(share * double(length));
    const std::string bar(filled, '=');
    line += options_.color ? fmt::format(" [{}{}{}", kGreen, bar, kPlain) : fmt::format(" [{}", bar);
    line += std::string(length - filled, ' ') + "]" + percent + text;
  } else {
    line = (start + percent + text).substr(0, limit);
    columns = line.size();
  }
  const size_t wipe = columns_ > columns ? columns_ - columns : 0;
  options_.write("\r" + line + std::string(wipe, ' '));
  columns_ = columns;
}

void Progress::write_line(const std::string& text) {
  const size_t wipe = columns_ > text.size() ? columns_ - text.size() : 0;
  options_.write((columns_ > 0 ? "\r" : "") + text + std::string(wipe, ' ') + "\n");
  columns_ = 0;
}

}  // namespace dlengine
