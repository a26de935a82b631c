// Tables of numbers from text files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// What the label column holds.
enum class CsvLabel : uint8_t {
  classes,  // whatever text; each different one is a class
  number,   // a value to predict
};

struct CsvOptions {
  std::string label = {};  // name of the label column; empty: none
  CsvLabel label_is = CsvLabel::classes;
  std::vector<std::string> skip = {};  // names of columns to leave out
  char delimiter = ',';
  bool header = true;  // the first line has the names; else they are "0", "1", ...
};

struct CsvTable {
  Tensor features;  // f32 [N, F]
  // Classes: i64 [N]; numbers: f32 [N, 1], as a network with one output gives; undefined without a label.
  Tensor labels;
  std::vector<std::string> columns;  // names of the features
  std::vector<std::string>
      class_names;  // by class: in the order of numbers if all are whole numbers, else of bytes
};

/// Reads a table whose columns are numbers, but for the label and those that are left out:
///
///   const CsvTable iris = read_csv("iris.csv", {.label = "species"});
///   const TensorDataset data(iris.features, iris.labels);
///
/// The format is that of RFC 4180: a field may stand in quotes, and a quote in these is doubled. Lines end
/// with LF, CRLF or CR, empty ones are passed over, as are blanks around a field without quotes and the mark
/// of UTF-8 at the start. Throws IoError that names the file, the line and the column: for a value that is
/// missing, no number, not finite or too large for f32, for a line with another number of fields, for quotes
/// that do not fit, and for names that come twice or are not there.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});

}  // namespace dlengine
