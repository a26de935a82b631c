// The text is cut into records of fields; then each field goes where its column goes.
#include "dlengine/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <locale>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/data/byte_stream.h"

namespace dlengine {

namespace {

constexpr std::string_view kMark = "\xef\xbb\xbf";  // of UTF-8
constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kEnds = "\r\n";  // of lines: each of them, or both

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

using Fields = std::vector<std::string>;

/// The lines of the text, cut at the delimiter.
class Records {
 public:
  Records(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {
    if (text_.starts_with(kMark)) text_.remove_prefix(kMark.size());
  }

  /// False at the end of the text.
  bool next(Fields& fields);
  /// Where the record began that next() gave.
  int64_t line() const { return line_; }

 private:
  bool at_end_of_line() const { return text_.empty() || kEnds.find(text_[0]) != kEnds.npos; }
  void pass_end_of_line();
  void pass_blanks();
  std::string field() { return !text_.empty() && text_[0] == '"' ? quoted() : plain(); }
  std::string plain();
  std::string quoted();

  std::string_view text_;  // that is left
  char delimiter_;
  int64_t line_ = 0, next_line_ = 1;
};

void Records::pass_end_of_line() {
  text_.remove_prefix(text_.starts_with(kEnds) ? 2 : std::min<size_t>(text_.size(), 1));
  ++next_line_;
}

/// A tab may be the delimiter.
void Records::pass_blanks() {
  while (!text_.empty() && text_[0] != delimiter_ && kBlanks.find(text_[0]) != kBlanks.npos) {
    text_.remove_prefix(1);
  }
}

std::string Records::plain() {
  size_t end = 0;
  while (end < text_.size() && text_[end] != delimiter_ && kEnds.find(text_[end]) == kEnds.npos) ++end;
  const std::string_view field = text_.substr(0, end);
  text_.remove_prefix(end);
  return std::string(trimmed(field));
}

std::string Records::quoted() {
  std::string field;
  for (size_t i = 1; i < text_.size(); ++i) {
    const bool quote = text_[i] == '"', doubled = quote && text_.substr(i + 1).starts_with('"');
    if (quote && !doubled) {
      text_.remove_prefix(i + 1);
      pass_blanks();
      check<IoError>(at_end_of_line() || text_[0] == delimiter_, "line {}: text follows a field in quotes",
                     line_);
      return field;
    }
    next_line_ += kEnds.find(text_[i]) != kEnds.npos && !text_.substr(i).starts_with(kEnds);
    field += text_[i];
    if (doubled) ++i;
  }
  fail<IoError>("line {}: a field in quotes does not end", line_);
}

bool Records::next(Fields& fields) {
  fields.clear();
  for (; !text_.empty(); pass_end_of_line()) {
    pass_blanks();
    if (!at_end_of_line()) break;
  }
  if (text_.empty()) return false;
  line_ = next_line_;
  while (true) {
    pass_blanks();
    fields.push_back(field());
    if (at_end_of_line()) break;
    text_.remove_prefix(1);  // the delimiter
  }
  if (!text_.empty()) pass_end_of_line();
  return true;
}

/// A number too large or too small for f64, for which from_chars() gives no value: infinity or about 0.
double out_of_range(std::string_view number) {
  std::istringstream stream{std::string(number)};
  stream.imbue(std::locale::classic());
  double value = 0;
  stream >> value;
  return stream.fail() ? std::numeric_limits<double>::infinity() : value;
}

/// The number in a field; nothing if it holds none that is finite in f32.
std::optional<float> number_in(std::string_view field) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error == std::errc::result_out_of_range) value = out_of_range(field);
  const bool number = error != std::errc::invalid_argument && end == field.data() + field.size();
  const bool good = number && std::abs(value) <= std::numeric_limits<float>::max();  // NaN is not
  return good ? std::optional(static_cast<float>(value)) : std::nullopt;
}

std::optional<int64_t> whole_number_in(const std::string& field) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc() && end == field.data() + field.size() ? std::optional(value) : std::nullopt;
}

/// The different labels in their order.
Fields classes_of(const Fields& labels) {
  Fields names = labels;
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (std::ranges::all_of(names, [](const std::string& name) { return whole_number_in(name).has_value(); }))
    std::ranges::stable_sort(names, {}, [](const std::string& name) { return *whole_number_in(name); });
  return names;
}

/// Which columns there are, and what becomes of each.
struct Columns {
  Fields names;
  std::map<std::string, size_t> numbers;  // by name
  std::optional<size_t> label;
  std::vector<size_t> features;

  Columns(Fields all, const CsvOptions& options) : names(std::move(all)) {
    for (size_t i = 0; i < names.size(); ++i) {
      check<IoError>(numbers.emplace(names[i], i).second, "two columns are called \"{}\"", names[i]);
    }
    if (!options.label.empty()) label = find(options.label);
    std::vector<bool> skipped(names.size());
    for (const std::string& name : options.skip) skipped[find(name)] = true;
    for (size_t i = 0; i < names.size(); ++i) {
      if (!skipped[i] && label != i) features.push_back(i);
    }
  }

  size_t find(const std::string& name) const {
    const auto found = numbers.find(name);
    check<IoError>(found != numbers.end(), "no column is called \"{}\": there are \"{}\"", name,
                   fmt::join(names, "\", \""));
    return found->second;
  }
};

/// Takes records one by one.
class Builder {
 public:
  Builder(const Columns& columns, CsvLabel label_is) : columns_(columns), label_is_(label_is) {}

  void add(const Fields& fields, int64_t line) {
    check<IoError>(fields.size() == columns_.names.size(), "line {} has {} fields, need {}", line,
                   fields.size(), columns_.names.size());
    for (const size_t column : columns_.features) features_.push_back(number(fields, column, line));
    if (columns_.label) add_label(fields, *columns_.label, line);
    ++rows_;
  }

  CsvTable table() const {
    CsvTable table;
    table.features = from_vector(features_, {rows_, std::ssize(columns_.features)});
    for (const size_t column : columns_.features) table.columns.push_back(columns_.names[column]);
    if (!columns_.label) return table;
    if (label_is_ == CsvLabel::number) {
      table.labels = from_vector(numbers_, {rows_, 1});
      return table;
    }
    table.class_names = classes_of(classes_);
    std::map<std::string, int64_t> numbers;
    for (const std::string& name : table.class_names) numbers.emplace(name, std::ssize(numbers));
    std::vector<int64_t> labels;
    for (const std::string& name : classes_) labels.push_back(numbers.at(name));
    table.labels = from_vector(labels, {rows_});
    return table;
  }

 private:
  void check_there(const Fields& fields, size_t column, int64_t line) const {
    check<IoError>(!fields[column].empty(), "line {}, column \"{}\": the value is missing", line,
                   columns_.names[column]);
  }

  float number(const Fields& fields, size_t column, int64_t line) const {
    check_there(fields, column, line);
    const std::optional<float> value = number_in(trimmed(fields[column]));
    check<IoError>(value.has_value(), "line {}, column \"{}\": need a finite number of f32, got \"{}\"", line,
                   columns_.names[column], fields[column]);
    return *value;
  }

  void add_label(const Fields& fields, size_t column, int64_t line) {
    check_there(fields, column, line);
    if (label_is_ == CsvLabel::number) {
      numbers_.push_back(number(fields, column, line));
    } else {
      classes_.push_back(fields[column]);
    }
  }

  const Columns& columns_;
  CsvLabel label_is_;
  int64_t rows_ = 0;
  std::vector<float> features_, numbers_;
  Fields classes_;
};

CsvTable read(std::string_view text, const CsvOptions& options) {
  Records records(text, options.delimiter);
  Fields fields;
  bool more = records.next(fields);
  check<IoError>(more, "the file is empty");
  Fields names = fields;
  if (options.header) {
    more = records.next(fields);
  } else {
    for (size_t i = 0; i < names.size(); ++i) names[i] = std::to_string(i);
  }
  const Columns columns(std::move(names), options);
  Builder builder(columns, options.label_is);
  for (; more; more = records.next(fields)) builder.add(fields, records.line());
  return builder.table();
}

}  // namespace

CsvTable read_csv(const std::string& path, const CsvOptions& options) try {
  const bool usable = options.delimiter != '"' && options.delimiter != '\n' && options.delimiter != '\r';
  check<ValueError>(usable, "the delimiter is a quote or the end of a line");
  const std::vector<uint8_t> file = read_file(path);
  return read({reinterpret_cast<const char*>(file.data()), file.size()}, options);
} catch (Error& error) {
  error.add_context("read_csv: " + path);
  throw;
}

}  // namespace dlengine
