// Tables, good and damaged.
#include "dlengine/data/csv.h"

#include <chrono>
#include <string>
#include <vector>

#include "dlengine/core/error.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

using Floats = std::vector<float>;
using Longs = std::vector<int64_t>;
using Names = std::vector<std::string>;

CsvTable read(const std::string& text, const CsvOptions& options = {}) {
  const TempDir dir;
  write_bytes(dir / "table.csv", text);
  return read_csv(dir / "table.csv", options);
}

TEST(Csv, ReadsNumbersAndNames) {
  const CsvTable table = read("a,b,c\n1,-2.5,3e2\n+4,.5,0\n");
  EXPECT_EQ(table.columns, (Names{"a", "b", "c"}));
  EXPECT_EQ(table.features.dtype(), DType::f32);
  EXPECT_EQ(dims(table.features), (Longs{2, 3}));
  EXPECT_EQ(table.features.to_vector<float>(), (Floats{1, -2.5, 300, 4, 0.5, 0}));
  EXPECT_FALSE(table.labels.defined());
  EXPECT_TRUE(table.class_names.empty());
}

TEST(Csv, NumbersTheClasses) {
  const CsvTable table = read("x,kind,y\n1,cat,2\n3,ant,4\n5,cat,6\n7,Bee,8\n", {.label = "kind"});
  EXPECT_EQ(table.columns, (Names{"x", "y"}));
  EXPECT_EQ(table.features.to_vector<float>(), (Floats{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(table.class_names, (Names{"Bee", "ant", "cat"}));
  EXPECT_EQ(table.labels.dtype(), DType::i64);
  EXPECT_EQ(dims(table.labels), (Longs{4}));
  EXPECT_EQ(table.labels.to_vector<int64_t>(), (Longs{2, 1, 2, 0}));
}

TEST(Csv, ClassesThatAreNumbersKeepTheirOrder) {
  const CsvTable table = read("kind,x\n10,0\n-1,0\n9,0\n10,0\n", {.label = "kind"});
  EXPECT_EQ(table.class_names, (Names{"-1", "9", "10"}));
  EXPECT_EQ(table.labels.to_vector<int64_t>(), (Longs{2, 0, 1, 2}));
  EXPECT_EQ(read("kind,x\n10,0\n9,0\n1.5,0\n", {.label = "kind"}).class_names, (Names{"1.5", "10", "9"}));
}

TEST(Csv, TakesALabelThatIsANumber) {
  const CsvTable table = read("price,rooms\n1.5,3\n2,4\n", {.label = "price", .label_is = CsvLabel::number});
  EXPECT_EQ(table.labels.dtype(), DType::f32);
  EXPECT_EQ(dims(table.labels), (Longs{2, 1}));
  EXPECT_EQ(table.labels.to_vector<float>(), (Floats{1.5, 2}));
  EXPECT_EQ(table.features.to_vector<float>(), (Floats{3, 4}));
}

TEST(Csv, LeavesColumnsOutWhateverTheyHold) {
  const CsvTable table = read("id,,x,y\nfirst,,1,2\nnone,0,3,4\n", {.label = "y", .skip = {"id", ""}});
  EXPECT_EQ(table.columns, (Names{"x"}));
  EXPECT_EQ(table.features.to_vector<float>(), (Floats{1, 3}));
}

TEST(Csv, ReadsWithoutAHeaderAndWithOtherDelimiters) {
  const CsvTable table = read("1;2;u\n3;4;v", {.label = "2", .delimiter = ';', .header = false});
  EXPECT_EQ(table.columns, (Names{"0", "1"}));
  EXPECT_EQ(table.features.to_vector<float>(), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(table.class_names, (Names{"u", "v"}));
  EXPECT_EQ(read("a\tb\n1\t2\n", {.delimiter = '\t'}).features.to_vector<float>(), (Floats{1, 2}));
  EXPECT_EQ(read("a b\n1 2\n", {.delimiter = ' '}).features.to_vector<float>(), (Floats{1, 2}));
}

TEST(Csv, KnowsQuotesBlanksAndEveryEndOfLine) {
  const CsvTable table = read(
      "\xef\xbb\xbf \"a, \"\"b\"\"\" , c d\r\n"
      "\r\n"
      " 1 ,\t2 \r\n"
      "  \n"
      "\"3\",\" 4 \"",
      {});
  EXPECT_EQ(table.columns, (Names{"a, \"b\"", "c d"}));
  EXPECT_EQ(table.features.to_vector<float>(), (Floats{1, 2, 3, 4}));
  const CsvTable lines = read("x,kind\n1,\"two\nlines\"\n2,\"a,b\"\n3,\"\"\"\"\n", {.label = "kind"});
  EXPECT_EQ(lines.class_names, (Names{"\"", "a,b", "two\nlines"}));
}

TEST(Csv, LinesMayEndInACarriageReturnAlone) {
  for (const char* text :
       {"a,b\r1,2\r\r3,4\r", "a,b\r1,2\r3,4", "a,b\n1,2\n3,4\r", "a,b\r\r\n1,2\r\n3,4\r"}) {
    const CsvTable table = read(text);
    EXPECT_EQ(table.columns, (Names{"a", "b"}));
    EXPECT_EQ(table.features.to_vector<float>(), (Floats{1, 2, 3, 4}));
  }
  EXPECT_EQ(read("k,x\r\"a\rb\",1\r", {.label = "k"}).class_names, Names{"a\rb"});
}

TEST(Csv, WhatIsTooSmallIsZero) {
  const CsvTable table = read("a\n1e-320\n1e-400\n-1e-99999\n1e-44\n0." + std::string(400, '0') + "1\n");
  EXPECT_EQ(table.features.to_vector<float>(), (Floats{0, 0, 0, 1e-44f, 0}));
}

TEST(Csv, MayHaveManyColumns) {
  std::string names, numbers;
  Names skip;
  for (int i = 0; i < 100'000; ++i) {
    names += 'x' + std::to_string(i) + ',';
    numbers += "1,";
    if (i % 2 == 1) skip.push_back('x' + std::to_string(i));
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(read(names + "y\n" + numbers + "1\n", {.label = "y", .skip = skip}).columns.size(), 50'000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(Csv, MayHaveNoRowsOrNoFeatures) {
  const CsvTable none = read("a,b\n", {.label = "b"});
  EXPECT_EQ(dims(none.features), (Longs{0, 1}));
  EXPECT_EQ(dims(none.labels), (Longs{0}));
  EXPECT_TRUE(none.class_names.empty());
  EXPECT_EQ(dims(read("b\n1\n2\n", {.label = "b"}).features), (Longs{2, 0}));
}

struct BadCsv {
  const char* what;
  std::string text;
  const char* message;
  CsvOptions options = {};
};
void PrintTo(const BadCsv& bad, std::ostream* out) { *out << bad.what; }

const BadCsv kBad[] = {
    {"empty", "", "the file is empty"},
    {"blank", "\n \r\n", "the file is empty"},
    {"missing", "a,b\n1,2\n3,\n", "line 3, column \"b\": the value is missing"},
    {"missing_first", "a,b\n,2\n", "line 2, column \"a\": the value is missing"},
    {"missing_in_quotes", "a,b\n\"\",2\n", "line 2, column \"a\": the value is missing"},
    {"missing_label", "a,b\n1,\n", "line 2, column \"b\": the value is missing", {.label = "b"}},
    {"text", "a,b\n1,x2\n", "line 2, column \"b\": need a finite number of f32, got \"x2\""},
    {"two_numbers", "a\n1 2\n", "line 2, column \"a\": need a finite number of f32, got \"1 2\""},
    {"nan", "a\nnan\n", "need a finite number of f32, got \"nan\""},
    {"infinite", "a\n-inf\n", "need a finite number of f32, got \"-inf\""},
    {"too_large", "a\n1e39\n", "need a finite number of f32, got \"1e39\""},
    {"far_too_large", "a\n1e400\n", "need a finite number of f32, got \"1e400\""},
    {"far_too_large_below", "a\n-1e400\n", "need a finite number of f32, got \"-1e400\""},
    {"two_signs", "a\n+-5\n", "need a finite number of f32, got \"+-5\""},
    {"two_plus", "a\n++5\n", "need a finite number of f32, got \"++5\""},
    {"counts_carriage_returns", "a,b\r\r1\r", "line 3 has 1 fields, need 2"},
    {"hexadecimal", "a\n0x10\n", "need a finite number of f32, got \"0x10\""},
    {"comma_of_decimals", "a;b\n1,5;2\n", "got \"1,5\"", {.delimiter = ';'}},
    {"label_is_text", "a\nx\n", "got \"x\"", {.label = "a", .label_is = CsvLabel::number}},
    {"short_line", "a,b\n\n1\n", "line 3 has 1 fields, need 2"},
    {"long_line", "a,b\n1,2,3\n", "line 2 has 3 fields, need 2"},
    {"line_behind_quotes", "a,b\n\"1\n\n\",2\n1\n", "line 2, column \"a\": need a finite number"},
    {"counts_lines_in_quotes", "a,b,c\n1,2,\"u\nv\"\n1\n", "line 4 has 1 fields", {.label = "c"}},
    {"open_quotes", "a,b\n1,\"2\n3,4\n", "line 2: a field in quotes does not end"},
    {"text_behind_quotes", "a,b\n1,\"2\"3\n", "line 2: text follows a field in quotes"},
    {"same_name", "a,b,a\n1,2,3\n", "two columns are called \"a\""},
    {"no_label", "a,b\n1,2\n", "no column is called \"c\": there are \"a\", \"b\"", {.label = "c"}},
    {"no_column", "a,b\n1,2\n", "no column is called \"d\": there are \"a\", \"b\"", {.skip = {"d"}}},
};

class CsvBad : public testing::TestWithParam<BadCsv> {};

TEST_P(CsvBad, IsRefusedWithAReason) {
  const TempDir dir;
  write_bytes(dir / "bad", GetParam().text);
  expect_throw<IoError>([&] { read_csv(dir / "bad", GetParam().options); },
                        {"read_csv: " + (dir / "bad") + ": ", GetParam().message});
}

INSTANTIATE_TEST_SUITE_P(Files, CsvBad, testing::ValuesIn(kBad),
                         [](const testing::TestParamInfo<BadCsv>& test) { return test.param.what; });

TEST(Csv, RefusesWhatIsNoFileAndNoDelimiter) {
  const TempDir dir;
  expect_throw<IoError>([&] { read_csv(dir / "none"); }, {"read_csv: " + (dir / "none"), "No such file"});
  for (const char delimiter : {'"', '\n', '\r'}) {
    expect_throw<ValueError>([&] { read_csv(dir / "none", {.delimiter = delimiter}); },
                             {"the delimiter is a quote or the end of a line"});
  }
}

}  // namespace
}  // namespace dlengine::test
