// Internal: the trials of a search in a file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/train/search.h"

namespace dlengine {

/// A line that names the search, then one for each trial: JSON. The file is replaced as a whole.
class SearchTable {
 public:
  /// Reads the file if it is there. Throws IoError if it is damaged, of another search, or cannot be written.
  /// An empty path keeps the trials in memory alone.
  SearchTable(const SearchSpace& space, const SearchOptions& options);

  /// The finished trial of this index and budget; null if there is none. Throws IoError if it has other
  /// parameters.
  const Trial* find(const Trial& wanted) const;
  void add(const Trial& trial);
  std::vector<Trial> trials() const;

 private:
  void read();
  void write() const;

  std::string path_;
  std::string first_line_;
  std::map<std::pair<int64_t, int64_t>, Trial> trials_;  // by index and budget
};

}  // namespace dlengine
