// Is a text well-formed XML?
#pragma once

#include <string>
#include <string_view>

namespace dlengine::test {

/// Empty for a well-formed document of elements, attributes and text, as SVG files are; else what is wrong
/// and where. It knows no comments, DTDs or CDATA and says so.
std::string xml_error(std::string_view text);

/// How often the part stands in the text.
int count_of(std::string_view text, std::string_view part);

}  // namespace dlengine::test
