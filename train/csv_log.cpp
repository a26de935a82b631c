// Rows of numbers; the file is replaced as a whole.
#include "dlengine/train/csv_log.h"

#include <charconv>
#include <fstream>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"

namespace dlengine {
namespace {

constexpr const char* kHeader = "epoch,loss,accuracy,val_loss,val_accuracy,lr,seconds,samples_per_second";

std::string cell(double value, bool there) { return there ? fmt::format("{:.6g}", value) : ""; }

std::string row(const EpochRecord& record) {
  const Metrics &train = record.train, &validation = record.validation;
  const bool validated = validation.samples > 0;
  return fmt::format("{},{:.6g},{},{},{},{:.6g},{:.3f},{:.0f}\n", record.epoch, train.loss,
                     cell(train.accuracy, train.classes), cell(validation.loss, validated),
                     cell(validation.accuracy, validated && validation.classes), record.lr, train.seconds,
                     record.rate);
}

void write(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

/// The rows of an earlier file up to an epoch, with the line of names.
std::string earlier_rows(const std::string& path, int64_t epoch) {
  std::string text = std::string(kHeader) + "\n";
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return text;
  check<IoError>(line == kHeader, "csv_log: '{}' is there and no table of epochs; its first line is '{}'",
                 path, line);
  while (std::getline(file, line)) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    check<IoError>(error == std::errc() && end != line.data() + line.size() && *end == ',',
                   "csv_log: '{}' has a line that does not begin with an epoch: '{}'", path, line);
    if (number <= epoch) text += line + "\n";
  }
  return text;
}

}  // namespace

void save_csv(const std::string& path, const History& history) {
  std::string text = std::string(kHeader) + "\n";
  for (const EpochRecord& record : history.epochs) text += row(record);
  write(path, text);
}

CsvLog::CsvLog(std::string path, int64_t epoch) : path_(std::move(path)), text_(earlier_rows(path_, epoch)) {
  AtomicFile probe(path_);  // fails now rather than after an epoch
}

void CsvLog::add(const EpochRecord& record) {
  text_ += row(record);
  write(path_, text_);
}

}  // namespace dlengine
