// How far a training is: a bar on a terminal, one line per epoch elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "dlengine/train/history.h"

namespace dlengine {

/// Where and how progress is shown.
struct ProgressOptions {
  std::function<void(std::string_view)> write = {};  // takes the text; empty: stderr
  std::function<double()> clock = {};  // seconds since any moment; empty: the system's steady clock
  bool terminal = false;               // redraw one line; else whole lines alone
  bool color = false;                  // of the bar, on a terminal
  int width = 0;                       // columns of the terminal; 0: no limit
  std::string unit = "images";         // what a sample is
};

/// Options for stderr: whether it is a terminal, its width, and color unless NO_COLOR is set or TERM is
/// "dumb".
ProgressOptions stderr_progress();

/// Reports the epochs of a training as they pass.
class Progress {
 public:
  explicit Progress(ProgressOptions options);
  /// Leaves the terminal at the start of a line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Seconds on the options' clock.
  double now() const { return options_.clock(); }
  /// Begins epoch `epoch` of `epochs`; `already` of its `samples` were done by an earlier run.
  void start_epoch(int64_t epoch, int64_t epochs, int64_t samples, int64_t already = 0);
  /// True from a tenth of a second after the last update on: ask before paying for the numbers.
  bool due() const;
  /// Shows the means so far.
  void update(const Metrics& so_far);
  /// Samples per second, without those of the earlier run.
  double rate(const Metrics& so_far) const;
  /// Ends the epoch with its line.
  void finish_epoch(const EpochRecord& record);
  /// Ends an epoch that is not finished, with the reason.
  void stop_epoch(const Metrics& so_far, std::string_view reason);
  /// Shows a line of its own.
  void note(const std::string& text) { write_line(text); }

 private:
  std::string head() const;
  void draw_bar(double share, const std::string& text);
  void write_line(const std::string& text);

  ProgressOptions options_;
  int64_t epoch_ = 0, epochs_ = 0, samples_ = 0, already_ = 0;
  double updated_ = 0;
  size_t columns_ = 0;  // of the unfinished line that stands on the terminal
};

}  // namespace dlengine
