// A reader of one pass that keeps the names of open elements.
#include "tests/support/xml.h"

#include <cctype>
#include <set>
#include <vector>

namespace dlengine::test {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::string error() {
    skip_space();
    if (at("<?xml")) place_ = text_.find("?>") + 2;
    skip_space();
    if (!at("<")) return wrong("no root element");
    while (message_.empty() && place_ < text_.size()) {
      if (at("</")) {
        close();
      } else if (at("<")) {
        open();
      } else {
        character(open_.empty());
      }
    }
    if (message_.empty() && !open_.empty()) return wrong("<" + open_.back() + "> is never closed");
    return message_;
  }

 private:
  bool at(std::string_view part) const {
    return place_ < text_.size() && text_.substr(place_).starts_with(part);
  }
  bool done() const { return place_ >= text_.size() || !message_.empty(); }
  std::string wrong(const std::string& what) {
    if (message_.empty()) message_ = what + " at byte " + std::to_string(place_);
    return message_;
  }
  void skip_space() {
    while (place_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[place_]))) ++place_;
  }

  std::string name() {
    const size_t first = place_;
    const auto fits = [&](char c) {
      return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == ':' ||
             (place_ > first && (std::isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '.'));
    };
    while (place_ < text_.size() && fits(text_[place_])) ++place_;
    if (place_ == first) wrong("a name is missing");
    return std::string(text_.substr(first, place_ - first));
  }

  void open() {
    ++place_;
    const std::string element = name();
    if (open_.empty() && had_root_) wrong("a second root element");
    had_root_ = true;
    std::set<std::string> attributes;
    for (skip_space(); !done() && !at(">") && !at("/>"); skip_space()) {
      const std::string attribute = name();
      if (!attributes.insert(attribute).second) wrong("attribute " + attribute + " is there twice");
      value();
    }
    if (at("/>")) {
      place_ += 2;
    } else if (at(">")) {
      ++place_;
      open_.push_back(element);
    } else {
      wrong("<" + element + "> does not end");
    }
  }

  void value() {
    if (!at("=\"")) {
      wrong("need =\"");
      return;
    }
    for (place_ += 2; !done() && !at("\"");) {
      if (at("<")) wrong("< in an attribute");
      character(false);
    }
    ++place_;
  }

  void close() {
    place_ += 2;
    const std::string element = name();
    if (open_.empty() || open_.back() != element) wrong("</" + element + "> closes nothing");
    if (!at(">")) wrong("</" + element + " does not end");
    ++place_;
    if (message_.empty()) open_.pop_back();
  }

  /// One character or reference; outside of the root only blanks may stand.
  void character(bool only_space) {
    const auto c = static_cast<unsigned char>(text_[place_]);
    if (only_space && !std::isspace(c)) wrong("text outside of the root");
    if (c < 0x20 && !std::isspace(c)) wrong("a control character");
    if (c == '&') return reference();
    size_t length = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < length; ++i) {
      if (place_ + i >= text_.size() || (text_[place_ + i] & 0xC0) != 0x80) length = 0;
    }
    if (length == 0) wrong("no UTF-8");
    place_ += length == 0 ? 1 : length;
  }

  void reference() {
    for (const std::string_view known : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}) {
      if (at(known)) {
        place_ += known.size();
        return;
      }
    }
    wrong("an unknown reference");
  }

  std::string_view text_;
  size_t place_ = 0;
  bool had_root_ = false;
  std::vector<std::string> open_;
  std::string message_;
};

}  // namespace

std::string xml_error(std::string_view text) { return Reader(text).error(); }

int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace dlengine::test
