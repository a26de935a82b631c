// Matrix products of every rank, transposition and odd size, and the linear layer's product.
#include "dlengine/core/ops/matmul.h"
#include "dlengine/core/factory.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

// n: terms of one sum; m and k: of the two gradients' sums.
OpCase matmul_case(const std::string& name, const Shape& a, const Shape& b) {
  const double terms = static_cast<double>(a.rank() > 0 ? a.back() : 1);
  const double largest = static_cast<double>(std::max(a.product(), b.product()));
  return {.name = name,
          .inputs = {{.shape = a}, {.shape = b}},
          .op = [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); },
          .reference = [](const std::vector<NdArray>& in) { return reference::matmul(in[0], in[1]); },
          .value = {.terms = terms},
          // Gradients of broadcast batches are stored per matrix and then summed: at most 7 of them here.
          .gradient = {.terms = std::min(largest, 100.0), .roundings = 8}};
}

const OpCase kMatmul[] = {
    matmul_case("matrices", {5, 7}, {7, 3}),
    matmul_case("one_element", {1, 1}, {1, 1}),
    matmul_case("odd_sizes", {17, 33}, {33, 19}),
    matmul_case("beyond_one_block", {35, 131}, {131, 33}),
    matmul_case("one_row", {1, 35}, {35, 9}),
    matmul_case("one_column", {9, 35}, {35, 1}),
    matmul_case("outer_product", {9, 1}, {1, 11}),
    matmul_case("vector_times_matrix", {7}, {7, 3}),
    matmul_case("matrix_times_vector", {5, 7}, {7}),
    matmul_case("vector_times_vector", {7}, {7}),
    matmul_case("batch", {4, 5, 7}, {4, 7, 3}),
    matmul_case("batch_times_matrix", {4, 5, 7}, {7, 3}),
    matmul_case("matrix_times_batch", {5, 7}, {4, 7, 3}),
    matmul_case("batch_times_vector", {4, 5, 7}, {7}),
    matmul_case("vector_times_batch", {7}, {4, 7, 3}),
    matmul_case("broadcast_batches", {2, 1, 5, 7}, {3, 7, 3}),
    matmul_case("broadcast_one", {1, 5, 7}, {7, 7, 3}),
    matmul_case("empty_sum", {5, 0}, {0, 3}),
    matmul_case("no_rows", {0, 7}, {7, 3}),
    matmul_case("no_columns", {5, 7}, {7, 0}),
    matmul_case("no_batch", {0, 5, 7}, {0, 7, 3}),
};

class Matmul : public ::testing::TestWithParam<OpCase> {};
TEST_P(Matmul, ValueAndGradientMatchDouble) { check_case(GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, Matmul, ::testing::ValuesIn(kMatmul), case_name);

TEST(Matmul, MultipliesEveryTransposition) {
  for (const bool left : {false, true}) {
    for (const bool right : {false, true}) {
      for (const bool batched : {false, true}) {
        const auto shape = [&](int64_t rows, int64_t columns, bool swapped) {
          Shape result = swapped ? Shape{columns, rows} : Shape{rows, columns};
          if (batched) result.insert(0, 3);
          return result;
        };
        const auto turned = [](const NdArray& x) {
          return x.shape.rank() == 3 ? reference::permute(x, {0, 2, 1}) : reference::permute(x, {1, 0});
        };
        check_case({.name = "transposed",
                    .inputs = {{.shape = shape(13, 21, left)}, {.shape = shape(21, 10, right)}},
                    .op =
                        [&](const std::vector<Tensor>& in) {
                          return matmul(left ? in[0].transpose(-1, -2) : in[0],
                                        right ? in[1].transpose(-1, -2) : in[1]);
                        },
                    .reference =
                        [&](const std::vector<NdArray>& in) {
                          return reference::matmul(left ? turned(in[0]) : in[0],
                                                   right ? turned(in[1]) : in[1]);
                        },
                    .value = {.terms = 21},
                    .gradient = {.terms = 21, .roundings = 4}});
      }
    }
  }
}

TEST(Matmul, OfNothingIsZero) {
  for (const Device device : devices()) {
    const Tensor y = matmul(zeros({2, 0}, DType::f32, device), zeros({0, 3}, DType::f32, device));
    expect_same(y, {0, 0, 0, 0, 0, 0});
  }
}

TEST(Matmul, SumsHalvesInSinglePrecision) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f16, DType::bf16}) {
      const Tensor y = matmul(ones({2, 4096}, dtype, device), ones({4096, 2}, dtype, device));
      expect_same(y, {4096, 4096, 4096, 4096});
    }
  }
}

TEST(Matmul, NamesShapesTypesAndDevicesThatDoNotFit) {
  for (const Device device : devices()) {
    const auto f32 = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    expect_throw<ShapeError>([&] { matmul(f32({2, 3}), f32({4, 5})); }, {"matmul", "[2, 3]", "[4, 5]"});
    expect_throw<ShapeError>(
        [&] {
          matmul(f32({2, 2, 3}), f32({5, 3, 4}));
        },
        {"matmul", "[2, 2, 3]", "[5, 3, 4]"});
    expect_throw<ShapeError>([&] { matmul(f32({}), f32({3})); }, {"matmul", "[]", "[3]"});
    expect_throw<DTypeError>(
        [&] {
          matmul(f32({2, 2}), zeros({2, 2}, DType::f64, device));
        },
        {"matmul", "f32", "f64"});
    expect_throw<DTypeError>(
        [&] {
          matmul(zeros({2, 2}, DType::i32, device), zeros({2, 2}, DType::i32, device));
        },
        {"matmul", "i32"});
  }
}

// --- Linear ---

OpCase linear_case(const std::string& name, const Shape& x, int64_t out, bool bias) {
  const int64_t rows = x.product() / std::max<int64_t>(x.back(), 1);
  std::vector<Input> inputs = {{.shape = x}, {.shape = {out, x.back()}}};
  if (bias) inputs.push_back({.shape = {out}});
  return {.name = name,
          .inputs = inputs,
          .op =
              [](const std::vector<Tensor>& in) {
                return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor());
              },
          .reference =
              [](const std::vector<NdArray>& in) {
                return reference::linear(in[0], in[1], in.size() > 2 ? in[2] : NdArray(Shape{0}));
              },
          .value = {.terms = static_cast<double>(x.back()) + 1},
          .gradient = {.terms = static_cast<double>(std::max(rows, out)), .roundings = 1}};
}

const OpCase kLinear[] = {
    linear_case("with_bias", {6, 5}, 3, true),     linear_case("without_bias", {6, 5}, 3, false),
    linear_case("odd_sizes", {19, 37}, 23, true),  linear_case("one_sample", {1, 37}, 10, true),
    linear_case("one_element", {1, 1}, 1, true),   linear_case("vector", {7}, 4, true),
    linear_case("three_axes", {2, 3, 7}, 4, true), linear_case("no_samples", {0, 7}, 4, true),
    linear_case("no_inputs", {3, 0}, 4, true),     linear_case("no_outputs", {3, 7}, 0, true),
};

class LinearOp : public ::testing::TestWithParam<OpCase> {};
TEST_P(LinearOp, ValueAndGradientMatchDouble) { check_case(GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, LinearOp, ::testing::ValuesIn(kLinear), case_name);

TEST(LinearOp, NamesShapesAndTypesThatDoNotFit) {
  for (const Device device : devices()) {
    const auto f32 = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    expect_throw<ShapeError>([&] { linear(f32({2, 3}), f32({5, 4})); }, {"linear", "[2, 3]", "[5, 4]"});
    expect_throw<ShapeError>(
        [&] {
          linear(f32({2, 3}), f32({5, 3}), f32({4}));
        },
        {"linear", "[5, 3]", "[4]"});
    expect_throw<ShapeError>([&] { linear(f32({2, 3}), f32({3})); }, {"linear", "[2, 3]", "[3]"});
    expect_throw<DTypeError>(
        [&] {
          linear(f32({2, 3}), zeros({5, 3}, DType::f16, device));
        },
        {"linear", "f32", "f16"});
  }
}

}  // namespace
}  // namespace dlengine::test
