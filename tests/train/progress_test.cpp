// What progress looks like, to the letter, with a clock that the test sets.
#include "dlengine/train/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace dlengine::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Screen {
  double time = 0;
  std::vector<std::string> written;

  ProgressOptions options(bool terminal) {
    ProgressOptions result;
    result.write = [this](std::string_view text) { written.emplace_back(text); };
    result.clock = [this] { return time; };
    result.terminal = terminal;
    return result;
  }
  std::string text() const {
    std::string all;
    for (const std::string& part : written) all += part;
    return all;
  }
};

Metrics half_way() { return {.loss = 0.5, .accuracy = 0.75, .classes = true, .samples = 500, .seconds = 5}; }

EpochRecord finished() {
  EpochRecord record;
  record.epoch = 1;
  record.train = {.loss = 0.25, .accuracy = 0.875, .classes = true, .samples = 1000, .seconds = 10};
  record.rate = 100;
  return record;
}

TEST(Progress, WritesOneLinePerEpochAndNothingElseWithoutTerminal) {
  Screen screen;
  Progress progress(screen.options(false));
  progress.start_epoch(1, 2, 1000);
  progress.update(half_way());
  EXPECT_EQ(screen.text(), "");
  progress.finish_epoch(finished());
  EXPECT_EQ(screen.text(), "epoch 1/2  loss 0.2500  accuracy 0.8750  100 images/s  10.0 s\n");
}

TEST(Progress, ShowsValidation) {
  Screen screen;
  Progress progress(screen.options(false));
  progress.start_epoch(1, 2, 1000);
  EpochRecord record = finished();
  record.validation = {.loss = 0.5, .accuracy = 0.625, .classes = true, .samples = 10};
  progress.finish_epoch(record);
  EXPECT_EQ(screen.text(),
            "epoch 1/2  loss 0.2500  accuracy 0.8750  val_loss 0.5000  val_accuracy 0.6250  100 images/s  "
            "10.0 s\n");
}

TEST(Progress, LeavesAccuracyOutWhereLabelsAreNoClasses) {
  Screen screen;
  Progress progress(screen.options(false));
  progress.start_epoch(1, 2, 1000);
  EpochRecord record = finished();
  record.train.classes = false;
  progress.finish_epoch(record);
  EXPECT_EQ(screen.text(), "epoch 1/2  loss 0.2500  100 images/s  10.0 s\n");
}

TEST(Progress, IsDueTenTimesASecond) {
  Screen screen;
  Progress progress(screen.options(true));
  progress.start_epoch(1, 2, 1000);
  screen.time = 0.09;
  EXPECT_FALSE(progress.due());
  screen.time = 0.11;
  EXPECT_TRUE(progress.due());
  progress.update(half_way());
  EXPECT_FALSE(progress.due());
}

TEST(Progress, RedrawsOneLineOnATerminal) {
  Screen screen;
  Progress progress(screen.options(true));
  progress.start_epoch(1, 2, 1000);
  progress.update(half_way());
  progress.finish_epoch(finished());
  ASSERT_EQ(screen.written.size(), 3u);
  EXPECT_EQ(screen.written[0], "\repoch 1/2 [" + std::string(30, ' ') + "]   0 %");
  EXPECT_EQ(screen.written[1], "\repoch 1/2 [" + std::string(15, '=') + std::string(15, ' ') +
                                   "]  50 %  loss 0.5000  accuracy 0.7500  100 images/s  5 s left");
  EXPECT_THAT(screen.written[2], StartsWith("\repoch 1/2  loss 0.2500"));
  EXPECT_THAT(screen.written[2], EndsWith(" \n"));  // blanks over the rest of the longer bar
  EXPECT_GE(screen.written[2].size() - 1, screen.written[1].size());
  EXPECT_THAT(screen.text(), Not(HasSubstr("\033")));
}

TEST(Progress, OfMoreThanAllIsAFullBar) {
  Screen screen;
  Progress progress(screen.options(true));
  progress.start_epoch(1, 1, 57, 64);  // begun with more data
  EXPECT_THAT(screen.written.back(), HasSubstr("[==============================] 100 %"));
}

TEST(Progress, ColorsTheBarIfAsked) {
  Screen screen;
  ProgressOptions options = screen.options(true);
  options.color = true;
  Progress progress(options);
  progress.start_epoch(1, 2, 1000);
  progress.update(half_way());
  EXPECT_THAT(screen.written[1], HasSubstr("[\033[32m" + std::string(15, '=') + "\033[0m "));
}

TEST(Progress, NeverWrapsOnANarrowTerminal) {
  for (const int width : {10, 40, 62, 80}) {
    Screen screen;
    ProgressOptions options = screen.options(true);
    options.width = width;
    Progress progress(options);
    progress.start_epoch(1, 2, 1000);
    progress.update(half_way());
    for (const std::string& line : screen.written)
      EXPECT_LE(line.size(), size_t(width)) << line;  // "\r" and width - 1
  }
}

TEST(Progress, CountsTimeLeftFromThisRunAlone) {
  Screen screen;
  Progress progress(screen.options(true));
  progress.start_epoch(2, 2, 100'000, 400);
  EXPECT_THAT(screen.text(), HasSubstr("]   0 %"));
  progress.update(half_way());  // 100 images in 5 seconds: 20 a second, 99500 to go
  EXPECT_THAT(screen.text(), HasSubstr("20 images/s  1:22:55 h left"));
}

TEST(Progress, SaysWhyAnEpochWasNotFinished) {
  Screen screen;
  Progress progress(screen.options(false));
  progress.start_epoch(1, 2, 1000);
  progress.stop_epoch(half_way(), "stopped by Ctrl-C");
  EXPECT_EQ(screen.text(),
            "epoch 1/2  loss 0.5000  accuracy 0.7500  stopped by Ctrl-C after 500 of 1000 images\n");
}

TEST(Progress, LeavesTheTerminalAtTheStartOfALine) {
  Screen screen;
  { Progress(screen.options(true)).start_epoch(1, 2, 1000); }
  EXPECT_THAT(screen.text(), EndsWith("\n"));
}

TEST(Progress, ColorNeedsATerminal) {
  const ProgressOptions options = stderr_progress();  // stderr is a pipe or a file where CTest runs this
  if (options.terminal) GTEST_SKIP() << "stderr is a terminal";
  EXPECT_FALSE(options.color);
}

}  // namespace
}  // namespace dlengine::test
