# The C++ blocks of a Markdown page. With as=tests: each is the body of a test, named after the heading above it; else they
# are written as they stand.
BEGIN {
  if (as == "tests") {
    print "#include <dlengine/dlengine.h>\n#include <gtest/gtest.h>\n\n#include <cmath>\n#include <filesystem>\n#include <fstream>\n#include <iostream>\n"
    print "using namespace dlengine;\n"
  }
}
/^## / {
  heading = substr($0, 4)
  gsub(/[^A-Za-z]+/, "", heading)
  count = 0
}
/^```cpp$/ {
  inside = 1
  if (as == "tests") printf "TEST(Guide, %s%d) {\n#line %d \"%s\"\n", heading, ++count, NR + 1, FILENAME
  next
}
/^```$/ && inside {
  inside = 0
  if (as == "tests") print "}\n"
}
inside { print }
