// Triangles of matrices: values, gradients, every type.
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/arrange.h"
#include "dlengine/core/ops/elementwise.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"

namespace dlengine::test {
namespace {

struct TriangleRow {
  const char* name;
  Shape shape;
  int64_t diagonal = 0;
  friend std::ostream& operator<<(std::ostream& out, const TriangleRow& row) { return out << row.name; }
};

const TriangleRow kTriangles[] = {
    {"square", {4, 4}},         {"wide", {3, 5}},         {"tall", {5, 3}},          {"above", {4, 5}, 2},
    {"below", {4, 5}, -1},      {"far_above", {3, 3}, 9}, {"far_below", {3, 3}, -9}, {"one_element", {1, 1}},
    {"one_row", {1, 4}, 1},     {"batch", {2, 3, 4, 3}},  {"no_rows", {0, 3}},       {"no_columns", {3, 0}},
    {"no_matrices", {0, 3, 3}},
};

class Triangle : public ::testing::TestWithParam<TriangleRow> {};

void check_triangle(const TriangleRow& row, bool lower) {
  check_case({.name = row.name,
              .inputs = {{.shape = row.shape}},
              .op =
                  [&](const std::vector<Tensor>& in) {
                    return lower ? tril(in[0], row.diagonal) : triu(in[0], row.diagonal);
                  },
              .reference =
                  [&](const std::vector<NdArray>& in) {
                    NdArray y = in[0];
                    for_each_index(y.shape, [&](const Dims& at) {
                      const int64_t distance = at[-1] - at[-2];
                      if (lower ? distance > row.diagonal : distance < row.diagonal) y.at(at) = 0;
                    });
                    return y;
                  },
              .elementwise = true});
}

TEST_P(Triangle, LowerMatches) { check_triangle(GetParam(), true); }
TEST_P(Triangle, UpperMatches) { check_triangle(GetParam(), false); }

INSTANTIATE_TEST_SUITE_P(All, Triangle, ::testing::ValuesIn(kTriangles),
                         [](const auto& test) { return test.param.name; });

TEST(Triangles, TakeEveryTypeAndCutOffNan) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      const Tensor x = ones({2, 2}, dtype, device);
      EXPECT_EQ(name(tril(x).dtype()), name(dtype));
      expect_same(tril(x), {1, 0, 1, 1});
      expect_same(triu(x), {1, 1, 0, 1});
    }
    expect_same(tril(tensor({{1, NAN}, {2, 3}}).to(device)), {1, 0, 2, 3});
  }
  expect_throw<ShapeError>([] { tril(zeros({3})); }, {"tril", "[.., rows, columns]", "[3]"});
  expect_throw<ShapeError>([] { triu(zeros({})); }, {"triu", "[]"});
  expect_throw<ValueError>([] { triu(Tensor()); }, {"triu", "undefined"});
}

}  // namespace
}  // namespace dlengine::test
