// Einsum: against sums over all labels, gradients, types, equations that cannot be.
#include "dlengine/core/ops/einsum.h"

#include <map>

#include "dlengine/core/factory.h"
#include "dlengine/core/graph.h"
#include "dlengine/core/ops/matmul.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"

namespace dlengine::test {
namespace {

/// The equation with an arrow and without "...", as the reference reads it.
struct EinsumRow {
  const char* name;
  const char* equation;
  std::vector<std::string> terms;
  std::string result;
  std::vector<Shape> shapes;
  friend std::ostream& operator<<(std::ostream& out, const EinsumRow& row) { return out << row.name; }
};

// Digits are axes of "...".
const EinsumRow kRows[] = {
    {"matmul", "ij,jk->ik", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}},
    {"implicit", "ij, jk", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}},
    {"implicit_order", "ba", {"ba"}, "ab", {{2, 3}}},
    {"transposed_product", "ij,kj->ki", {"ij", "kj"}, "ki", {{2, 3}, {4, 3}}},
    {"batch", "bij,bjk->bik", {"bij", "bjk"}, "bik", {{2, 3, 2}, {2, 2, 4}}},
    {"attention", "blhe,bshe->bhls", {"blhe", "bshe"}, "bhls", {{2, 3, 2, 2}, {2, 4, 2, 2}}},
    {"outer", "i,j", {"i", "j"}, "ij", {{3}, {2}}},
    {"inner", "i,i", {"i", "i"}, "", {{5}, {5}}},
    {"elements", "ij,ij->ij", {"ij", "ij"}, "ij", {{2, 3}, {2, 3}}},
    {"all", "ij->", {"ij"}, "", {{2, 3}}},
    {"rows", "ij->i", {"ij"}, "i", {{2, 3}}},
    {"permute", "abc->cab", {"abc"}, "cab", {{2, 3, 4}}},
    {"trace", "ii", {"ii"}, "", {{3, 3}}},
    {"diagonal", "ii->i", {"ii"}, "i", {{3, 3}}},
    {"diagonals", "iijj->ji", {"iijj"}, "ji", {{2, 2, 3, 3}}},
    {"three_times", "iii->i", {"iii"}, "i", {{2, 2, 2}}},
    {"diagonal_in_a_product", "ii,ij->j", {"ii", "ij"}, "j", {{3, 3}, {3, 2}}},
    {"summed_in_one", "ijk,jl->il", {"ijk", "jl"}, "il", {{2, 3, 2}, {3, 2}}},
    {"three", "ij,jk,kl->il", {"ij", "jk", "kl"}, "il", {{2, 3}, {3, 2}, {2, 4}}},
    {"bilinear", "bi,oij,bj->bo", {"bi", "oij", "bj"}, "bo", {{2, 3}, {4, 3, 2}, {2, 2}}},
    {"three_of_one", "i,i,i->i", {"i", "i", "i"}, "i", {{4}, {4}, {4}}},
    {"numbers", ",->", {"", ""}, "", {{}, {}}},
    {"number", ",ij", {"", "ij"}, "ij", {{}, {2, 3}}},
    {"capitals", "aB,Bc", {"aB", "Bc"}, "ac", {{2, 3}, {3, 2}}},
    {"dots", "...ij->...ji", {"10ij"}, "10ji", {{2, 3, 2, 4}}},
    {"dots_of_none", "i...->...i", {"i"}, "i", {{3}}},
    {"dots_broadcast", "...ij,...jk", {"10ij", "0jk"}, "10ik", {{2, 3, 2, 2}, {3, 2, 4}}},
    {"dots_of_one", "...i,...i->...", {"1_i", "10i"}, "10", {{2, 1, 3}, {2, 4, 3}}},
    {"dots_summed", "i...,i->i", {"i0", "i"}, "i", {{2, 3}, {2}}},
    {"dots_first", "a...,...b", {"a0", "0b"}, "0ab", {{2, 3}, {3, 4}}},
    {"eight_axes",
     "abcdefgh,abcdefgh->ahbcdefg",
     {"abcdefgh", "abcdefgh"},
     "ahbcdefg",
     {{2, 1, 1, 2, 1, 1, 1, 2}, {2, 1, 1, 2, 1, 1, 1, 2}}},
    {"ones", "ij,jk->ik", {"ij", "jk"}, "ik", {{1, 1}, {1, 1}}},
};

/// Sums over every combination of labels; "_" is an axis of size 1 that is broadcast.
NdArray summed(const EinsumRow& row, const std::vector<NdArray>& in) {
  std::map<char, int> axis_of;
  Shape all, result;
  for (size_t i = 0; i < in.size(); ++i) {
    for (size_t k = 0; k < row.terms[i].size(); ++k) {
      const char label = row.terms[i][k];
      if (label == '_' || !axis_of.emplace(label, all.rank()).second) continue;
      all.push_back(in[i].shape[static_cast<int>(k)]);
    }
  }
  for (const char label : row.result) result.push_back(all[axis_of.at(label)]);
  NdArray y(result);
  const auto place = [&](const std::string& term, const Dims& at) {
    Dims index;
    for (const char label : term) index.push_back(label == '_' ? 0 : at[axis_of.at(label)]);
    return index;
  };
  for_each_index(all, [&](const Dims& at) {
    double product = 1;
    for (size_t i = 0; i < in.size(); ++i) product *= in[i].at(place(row.terms[i], at));
    y.at(place(row.result, at)) += product;
  });
  return y;
}

class Einsum : public ::testing::TestWithParam<EinsumRow> {};

TEST_P(Einsum, SumsOverAllLabels) {
  const EinsumRow& row = GetParam();
  OpCase current{.name = row.name,
                 .inputs = {},
                 .op = [&](const std::vector<Tensor>& in) { return einsum(row.equation, in); },
                 .reference = [&](const std::vector<NdArray>& in) { return summed(row, in); },
                 .value = {.terms = 24, .roundings = 4},
                 .gradient = {.terms = 24, .roundings = 4}};
  for (const Shape& shape : row.shapes) current.inputs.push_back({.shape = shape});
  check_case(current);
}

INSTANTIATE_TEST_SUITE_P(All, Einsum, ::testing::ValuesIn(kRows),
                         [](const auto& test) { return test.param.name; });

TEST(Einsums, TakeNothing) {
  for (const Device device : devices()) {
    const auto of = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    expect_same(einsum("ij,jk", {of({2, 0}), of({0, 3})}), NdArray({2, 3}));
    EXPECT_EQ(einsum("bij,bjk->bik", {of({0, 2, 3}), of({0, 3, 4})}).shape(), (Shape{0, 2, 4}));
    EXPECT_EQ(einsum("...i,...i->...i", {of({0, 2}), of({1, 2})}).shape(), (Shape{0, 2}));
    expect_same(einsum("ii", {of({0, 0})}), {0});
  }
}

TEST(Einsums, OfIntegersAreI64AndExact) {
  for (const Device device : devices()) {
    for (const DType dtype : integer_types()) {
      const Tensor x = to_tensor(NdArray({2, 2}, {1, 200, 3, 4}), dtype, device);
      for (const auto& [equation, want] : {std::pair{"ij,jk->ik", NdArray({2, 2}, {601, 1000, 15, 616})},
                                           {"ij,ij->ij", NdArray({2, 2}, {1, 40000, 9, 16})}}) {
        const Tensor y = einsum(equation, {x, x.to(DType::i32)});
        EXPECT_EQ(name(y.dtype()), "i64");
        expect_same(y, want);
      }
      expect_same(einsum("ij->ji", {x}), NdArray({2, 2}, {1, 3, 200, 4}));
      expect_same(einsum("ii", {x}), {5});
    }
  }
}

TEST(Einsums, MayBeInAGraph) {
  for (const Device device : devices()) {
    const Graph graph = trace(
        [](const std::vector<Tensor>& in) {
          return std::vector{einsum("bij,bkj,...i->bk", {in[0], in[1], in[2]})};
        },
        {{"a", {2, 3, 4}}, {"b", {2, 5, 4}}, {"c", {3}, DType::f32, false}}, {.device = device});
    const Tensor a = randn({4, 3, 4}).to(device), b = randn({4, 5, 4}).to(device), c = randn({3}).to(device);
    EXPECT_EQ(graph.run({a, b, c})[0].to_vector<float>(),
              einsum("bij,bkj,...i->bk", {a, b, c}).to_vector<float>());
  }
}

TEST(Einsums, NameTheEquationAndTheOperand) {
  const Tensor a = zeros({2, 3}), b = zeros({4, 5}), x = zeros({2, 2});
  const auto expect_value = [&](const char* equation, const std::vector<Tensor>& in, std::string_view part) {
    expect_throw<ValueError>([&] { einsum(equation, in); },
                             {std::string("einsum \"") + equation + "\": ", part});
  };
  const auto expect_shape = [&](const char* equation, const std::vector<Tensor>& in, std::string_view part) {
    expect_throw<ShapeError>([&] { einsum(equation, in); },
                             {std::string("einsum \"") + equation + "\": ", part});
  };
  expect_value("ij,jk", {a}, "2 terms for 1 operands");
  expect_value("", {}, "1 terms for 0 operands");
  expect_value("i1", {a}, "cannot read '1' in the term \"i1\"");
  expect_value("ij->i->j", {a}, "cannot read '-'");
  expect_value("ij->i,j", {a}, "cannot read ','");
  expect_value("..ij", {a}, "cannot read '.'");
  expect_value("...i...", {a}, "cannot read '.'");
  expect_value("ij->ii", {a}, "the result names i twice");
  expect_value("ij->k", {a}, "the result names k, which no operand has");
  expect_shape("ij,jkl", {a, b}, "operand 1 is [4, 5], but \"jkl\" names 3 axes");
  expect_shape("...ijk", {a}, "operand 0 is [2, 3], but \"...ijk\" names 3 axes");
  expect_shape("ij,jk", {a, b}, "j is 3 in operand 0 and 4 in operand 1 [4, 5]");
  expect_shape("ii", {a}, "i is 2 in operand 0 and 3 in operand 0 [2, 3]");
  expect_shape("...,...", {a, b}, "an axis of \"...\" is 2 in operand 0 and 4 in operand 1 [4, 5]");
  expect_throw<ShapeError>(
      [] {
        einsum("abcde,fghij", {zeros({1, 1, 1, 1, 1}), zeros({1, 1, 1, 1, 1})});
      },
      {"einsum \"abcde,fghij\", operand 1", "8"});
  expect_throw<DTypeError>(
      [&] {
        einsum("ij,ij", {x, x.to(DType::f64)});
      },
      {"einsum \"ij,ij\": operand 1 is f64 and operand 0 f32"});
  expect_throw<DTypeError>([&] { einsum("ij,ij", {x, x.to(DType::i64)}); }, {"operand 1 is i64"});
  expect_throw<DTypeError>([&] { einsum("ij", {x.to(DType::boolean)}); }, {"operand 0 is bool"});
  expect_throw<ValueError>([&] { einsum("ij,ij", {x, Tensor()}); }, {"einsum", "undefined"});
}

}  // namespace
}  // namespace dlengine::test
