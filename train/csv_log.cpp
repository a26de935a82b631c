// Rows of numbers; the file is replaced as a whole.
#include "dlengine/train/csv_log.h"

#include <charconv>
#include <fstream>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"

namespace dlengine {
namespace {

constexpr std::string_view kColumns =
    "epoch,loss,accuracy,val_loss,val_accuracy,lr,seconds,samples_per_second";

using Names = std::vector<std::string>;

std::string header(const Names& metrics) {
  std::string line(kColumns);
  for (const std::string& name : metrics) line += fmt::format(",{0},val_{0}", name);
  return line;
}

std::string cell(double value, bool there) { return there ? fmt::format("{:.6g}", value) : ""; }

std::string row(const EpochRecord& record, const Names& metrics) {
  const Metrics &train = record.train, &validation = record.validation;
  const bool validated = validation.samples > 0;
  std::string line = fmt::format("{},{:.6g},{},{},{},{:.6g},{:.3f},{:.0f}", record.epoch, train.loss,
                                 cell(train.accuracy, train.classes), cell(validation.loss, validated),
                                 cell(validation.accuracy, validated && validation.classes), record.lr,
                                 train.seconds, record.rate);
  for (const std::string& name : metrics) {
    line += fmt::format(",{:.6g},{}", train.at(name),
                        validated ? fmt::format("{:.6g}", validation.at(name)) : "");
  }
  return line + "\n";
}

void write(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

/// The rows of an earlier file up to an epoch, with the line of names.
std::string earlier_rows(const std::string& path, int64_t epoch, const Names& metrics) {
  const std::string names = header(metrics);
  std::string text = names + "\n";
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return text;
  check<IoError>(line.starts_with(kColumns),
                 "csv_log: '{}' is there and no table of epochs; its first line is '{}'", path, line);
  check<IoError>(epoch == 0 || line == names,
                 "csv_log: '{}' has other columns and cannot go on: '{}', need '{}'", path, line, names);
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
  Names metrics;
  if (!history.epochs.empty()) {
    for (const MetricValue& other : history.epochs.front().train.others) metrics.push_back(other.name);
  }
  std::string text = header(metrics) + "\n";
  for (const EpochRecord& record : history.epochs) text += row(record, metrics);
  write(path, text);
}

CsvLog::CsvLog(std::string path, int64_t epoch, const Names& metrics)
    : path_(std::move(path)), metrics_(metrics), text_(earlier_rows(path_, epoch, metrics)) {
  AtomicFile probe(path_);  // fails now rather than after an epoch
}

void CsvLog::add(const EpochRecord& record) {
  text_ += row(record, metrics_);
  write(path_, text_);
}

}  // namespace dlengine
