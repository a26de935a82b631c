// Putting and adding elements at positions: values, gradients, equal positions, types, messages.
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/stream.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"

namespace dlengine::test {
namespace {

struct ScatterRow {
  const char* name;
  Shape x;
  int axis;
  NdArray index;
  friend std::ostream& operator<<(std::ostream& out, const ScatterRow& row) { return out << row.name; }
};

const ScatterRow kRows[] = {
    {"rows", {3, 4}, 0, NdArray({2, 4}, {2, 0, 1, 2, 1, 1, 0, 0})},
    {"columns", {3, 4}, 1, NdArray({3, 2}, {3, 0, 0, 1, 1, 2})},
    {"equal_positions", {2, 4}, -1, NdArray({2, 5}, {3, 3, 3, 0, 1, 1, 2, 0, 3, 0})},
    {"fewer_lines", {3, 4}, 1, NdArray({2, 3}, {3, 3, 0, 1, 1, 1})},
    {"middle", {2, 3, 2}, 1, NdArray({1, 2, 2}, {2, 0, 2, 1})},
    {"one_element", {1}, 0, NdArray({1}, {0})},
    {"one_place", {1, 2}, 0, NdArray({3, 2}, {0, 0, 0, 0, 0, 0})},
    {"nothing", {3, 4}, 1, NdArray(Shape{3, 0})},
    {"no_lines", {0, 4}, 1, NdArray(Shape{0, 2})},
};

/// put(where it lands, the element) for every element of the source, in row-major order.
template <typename F>
NdArray walked(const ScatterRow& row, const NdArray& x, const NdArray& source, const F& put) {
  NdArray y = x;
  const int axis = row.axis < 0 ? row.axis + x.shape.rank() : row.axis;
  for_each_index(row.index.shape, [&](const Dims& at) {
    Dims to = at;
    to[axis] = static_cast<int64_t>(row.index.at(at));
    put(y.at(to), source.at(at));
  });
  return y;
}

class Scatter : public ::testing::TestWithParam<ScatterRow> {};

TEST_P(Scatter, AddsElements) {
  const ScatterRow& row = GetParam();
  check_case({.name = row.name,
              .inputs = {{.shape = row.x}, {.shape = row.index.shape}},
              .op =
                  [&](const std::vector<Tensor>& in) {
                    return scatter_add(in[0], row.axis, to_tensor(row.index, DType::i64, in[0].device()),
                                       in[1]);
                  },
              .reference =
                  [&](const std::vector<NdArray>& in) {
                    return walked(row, in[0], in[1], [](double& to, double value) { to += value; });
                  },
              .value = {.terms = 6, .roundings = 3},
              .gradient = {.terms = 1}});
}

TEST_P(Scatter, PutsElementsAndKeepsTheLast) {
  const ScatterRow& row = GetParam();
  check_case({.name = row.name,
              .inputs = {{.shape = row.x}, {.shape = row.index.shape}},
              .op =
                  [&](const std::vector<Tensor>& in) {
                    return scatter(in[0], row.axis, to_tensor(row.index, DType::i32, in[0].device()), in[1]);
                  },
              .reference =
                  [&](const std::vector<NdArray>& in) {
                    return walked(row, in[0], in[1], [](double& to, double value) { to = value; });
                  },
              .value = {.terms = 0},
              .gradient = {.terms = 1}});
}

TEST_P(Scatter, PutsANumber) {
  const ScatterRow& row = GetParam();
  check_case({.name = row.name,
              .inputs = {{.shape = row.x}},
              .op =
                  [&](const std::vector<Tensor>& in) {
                    return scatter(in[0], row.axis, to_tensor(row.index, DType::i64, in[0].device()), 0.5);
                  },
              .reference =
                  [&](const std::vector<NdArray>& in) {
                    return walked(row, in[0], row.index, [](double& to, double) { to = 0.5; });
                  },
              .value = {.terms = 0},
              .gradient = {.terms = 1}});
}

INSTANTIATE_TEST_SUITE_P(All, Scatter, ::testing::ValuesIn(kRows),
                         [](const auto& test) { return test.param.name; });

TEST(Scatters, PutEveryType) {
  for (const Device device : devices()) {
    const Tensor index = from_vector<int64_t>({2, 0, 2}, {3}, device);
    for (const DType dtype : all_types()) {
      const Tensor x = to_tensor(NdArray({4}, {1, 1, 1, 0}), dtype, device);
      const Tensor y = scatter(x, 0, index, to_tensor(NdArray({3}, {1, 0, 0}), dtype, device));
      EXPECT_EQ(name(y.dtype()), name(dtype));
      expect_same(y, {0, 1, 0, 0});
      expect_same(x, {1, 1, 1, 0});  // is not written to
    }
    const int64_t big = (int64_t{1} << 60) + 1;
    const Tensor y =
        scatter(zeros({4}, DType::i64, device), 0, index, from_vector<int64_t>({1, big, -big}, {3}, device));
    EXPECT_EQ(y.to_vector<int64_t>(), (std::vector<int64_t>{big, 0, -big, 0}));
    expect_same(scatter(zeros({4}, DType::u8, device), 0, index, 7), {7, 0, 7, 0});
  }
}

TEST(Scatters, AddInTheOrderOfTheIndex) {
  for (const Device device : devices()) {
    const Tensor source = tensor({1e8F, 1, -1e8F, 1}).to(device), zero = zeros({1}, DType::f32, device);
    const Tensor index = zeros({4}, DType::i64, device);
    expect_same(scatter_add(zero, 0, index, source), {1});  // 1e8 + 1 is 1e8
    expect_same(scatter_add(zeros({1}, DType::f16, device), 0, zeros({4096}, DType::i64, device),
                            ones({4096}, DType::f16, device)),
                {4096});
  }
}

template <typename E>
void expect_both(const Tensor& x, int axis, const NdArray& index, const Shape& source,
                 std::initializer_list<std::string_view> parts) {
  const Tensor at = to_tensor(index, DType::i64, x.device()), from = zeros(source, DType::f32, x.device());
  expect_throw<E>([&] { scatter(x, axis, at, from).to_vector<float>(); }, parts);
  expect_throw<E>([&] { scatter_add(x, axis, at, from).to_vector<float>(); }, parts);
}

TEST(Scatters, NameWhatDoesNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({3, 4}, DType::f32, device);
    expect_both<ValueError>(x, 1, NdArray({1, 2}, {0, 4}), {1, 2},
                            {"scatter", "index 4 at 1 is outside of 0 .. 3"});
    expect_both<ValueError>(x, 1, NdArray({1, 2}, {-1, 0}), {1, 2}, {"scatter", "index -1 at 0"});
    expect_both<ShapeError>(x, 1, NdArray(Shape{4, 1}), {4, 1}, {"scatter", "[4, 1]", "[3, 4]"});
    expect_both<ShapeError>(x, 1, NdArray(Shape{3}), {3}, {"scatter", "[3]"});
    expect_both<ShapeError>(x, 1, NdArray(Shape{2, 2}), {2, 3},
                            {"scatter", "[2, 2] and source [2, 3] differ"});
    expect_both<ShapeError>(x, 2, NdArray(Shape{2, 2}), {2, 2}, {"scatter", "axis 2"});
    const Tensor index = zeros({3, 1}, DType::i64, device);
    expect_throw<DTypeError>(
        [&] {
          scatter(x, 0, index, zeros({3, 1}, DType::f64, device));
        },
        {"scatter: x is f32 and the source f64"});
    expect_throw<DTypeError>([&] { scatter(x, 0, x, x); }, {"scatter: index is f32"});
    const Tensor whole = zeros({3, 1}, DType::i32, device);
    expect_throw<DTypeError>([&] { scatter_add(whole, 0, index, whole); },
                             {"scatter_add", "i32", "floating"});
    expect_throw<ValueError>([&] { scatter(x, 0, Tensor(), 1); }, {"scatter", "undefined"});
    expect_throw<ValueError>(
        [&] {
          scatter(x, 1, full({1, 1}, 9, DType::i64, device), 1);
          synchronize(device);
        },
        {"scatter: index 9"});
  }
}

}  // namespace
}  // namespace dlengine::test
