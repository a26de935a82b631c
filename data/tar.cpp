// Blocks of 512 bytes: a header for each file, then its content, filled up; two blocks of zeros are the end.
#include "dlengine/data/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <string_view>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

constexpr uint64_t kBlock = 512;
using Header = std::array<char, kBlock>;

/// A field of text; it ends at its first zero byte.
std::string_view field(const Header& header, size_t first, size_t size) {
  const std::string_view text(header.data() + first, size);
  return text.substr(0, text.find('\0'));
}

/// A field of octal digits, with blanks around them.
uint64_t number(const Header& header, size_t first, size_t size, const char* what) {
  std::string_view text = field(header, first, size);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text = text.substr(0, text.find(' '));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  check<IoError>(error == std::errc() && end == text.data() + text.size() && value < uint64_t{1} << 62,
                 "the {} in a tar header is no octal number: \"{}\"", what, text);
  return value;
}

/// The sum of the header's bytes, where those of the sum itself count as blanks.
void check_sum(Header header) {
  const uint64_t stored = number(header, 148, 8, "sum");
  std::fill_n(header.begin() + 148, 8, ' ');
  const auto add = [](uint64_t sum, char byte) { return sum + static_cast<uint8_t>(byte); };
  const uint64_t sum = std::accumulate(header.begin(), header.end(), uint64_t{0}, add);
  check<IoError>(sum == stored, "this is no tar archive, or a damaged one: a header's sum is {}, need {}",
                 sum, stored);
}

}  // namespace

bool TarReader::read_header() {
  Header header{};
  stream_.read(header.data(), kBlock, "tar header");
  if (std::ranges::all_of(header, [](char byte) { return byte == 0; })) return false;
  check_sum(header);
  const std::string_view path = field(header, 0, 100);
  name_ = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  is_file_ = header[156] == '0' || header[156] == '\0';
  left_ = number(header, 124, 12, "size");
  padding_ = (kBlock - left_ % kBlock) % kBlock;
  return true;
}

void TarReader::check_left(uint64_t bytes) const {
  check<IoError>(bytes <= stream_.at_most_left(), "the tar archive is cut short in {}", name_);
}

bool TarReader::next() {
  do {
    check_left(left_ + padding_);
    stream_.skip(left_ + padding_, name_.c_str());
    left_ = padding_ = 0;
    if (!read_header()) {
      stream_.skip_to_end();
      return false;
    }
  } while (!is_file_);
  return true;
}

std::vector<uint8_t> TarReader::read(uint64_t at_most) {
  check<IoError>(left_ <= at_most, "{} has {} bytes in the tar archive, need at most {}", name_, left_,
                 at_most);
  check_left(left_);
  std::vector<uint8_t> content(left_);
  stream_.read(content.data(), left_, name_.c_str());
  left_ = 0;
  return content;
}

}  // namespace dlengine
