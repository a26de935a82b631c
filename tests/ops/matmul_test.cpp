// Matrix products of every rank, transposition and odd size, and the linear layer's product.
#include "dlengine/core/ops/matmul.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/emulator/control.h"
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
          matmul(zeros({2, 2}, DType::i32, device), zeros({2, 2}, DType::boolean, device));
        },
        {"matmul", "i32"});
  }
}

TEST(Matmul, OfIntegersIsExact) {
  for (const Device device : devices()) {
    const Tensor a = arange(0, 6, 1, DType::i32, device).reshape({2, 3}), b = a.to(DType::u8).transpose(0, 1);
    EXPECT_EQ(matmul(a, b).dtype(), DType::i64);
    expect_same(matmul(a, b), NdArray({2, 2}, {5, 14, 14, 50}));
    expect_same(dot(a, arange(1, 4, 1, DType::i64, device)), {8, 26});
    expect_same(dot(a.reshape({6}), a.reshape({6})), NdArray(Shape{}, {55}));
    expect_same(tensordot(a, a), NdArray(Shape{}, {55}));
    expect_same(matmul(a.reshape({2, 1, 3}), b), NdArray({2, 1, 2}, {5, 14, 14, 50}));
    expect_same(matmul(zeros({2, 0}, DType::i64, device), zeros({0, 1}, DType::i64, device)),
                NdArray({2, 1}, {0, 0}));
    EXPECT_EQ(matmul(zeros({0, 2}, DType::i64, device), a).shape(), (Shape{0, 3}));
    expect_throw<ShapeError>([&] { matmul(a, a); }, {"matmul", "[2, 3]"});
    // In parts: 2100 x 2100 results leave room for one step of the summed axis.
    const Tensor column = ones({2100, 2}, DType::i64, device), row = ones({2, 2100}, DType::i64, device);
    expect_same(max(matmul(column, row)), {2});
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
    linear_case("with_bias", {6, 5}, 3, true),
    linear_case("without_bias", {6, 5}, 3, false),
    linear_case("odd_sizes", {19, 37}, 23, true),
    linear_case("one_sample", {1, 37}, 10, true),
    linear_case("one_element", {1, 1}, 1, true),
    linear_case("vector", {7}, 4, true),
    linear_case("three_axes", {2, 3, 7}, 4, true),
    linear_case("no_samples", {0, 7}, 4, true),
    linear_case("no_inputs", {3, 0}, 4, true),
    linear_case("no_outputs", {3, 7}, 0, true),
    linear_case("wide", {9, 7}, 33, true),
    linear_case("most_outputs_of_a_narrow", {9, 67}, 32, true),
    linear_case("chunks_of_samples", {150, 35}, 3, true),
    linear_case("many_samples", {1030, 3}, 2, true),
};

class LinearOp : public ::testing::TestWithParam<OpCase> {};
TEST_P(LinearOp, ValueAndGradientMatchDouble) { check_case(GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, LinearOp, ::testing::ValuesIn(kLinear), case_name);

/// Two layers with a ReLU between them.
struct TwoLayers {
  const char* name;
  int64_t outputs;
  Activation activation = Activation::relu;  // of the first layer; none: the ReLU is an operation of its own
  bool used_twice = false;                   // the first layer's result is
  friend std::ostream& operator<<(std::ostream& out, const TwoLayers& row) { return out << row.name; }
};
const TwoLayers kTwoLayers[] = {
    {"narrow", 10}, {"wide", 40}, {"separate", 10, Activation::none}, {"shared", 10, Activation::relu, true}};

Tensor two_layers(const TwoLayers& row, const std::vector<Tensor>& in) {
  const Tensor first = linear(in[0], in[1], in[2], row.activation);
  const Tensor hidden = row.activation == Activation::none ? relu(first) : first;
  const Tensor y = linear(hidden, in[3], in[4]);
  return row.used_twice ? y + linear(hidden, in[3], in[4]) : y;
}

NdArray two_layers_reference(const TwoLayers& row, const std::vector<NdArray>& in) {
  NdArray hidden = reference::linear(in[0], in[1], in[2]);
  for (double& value : hidden.values) value = std::max(value, 0.0);
  NdArray y = reference::linear(hidden, in[3], in[4]);
  for (double& value : y.values) value *= row.used_twice ? 2 : 1;
  return y;
}

class ReluBetweenLayers : public ::testing::TestWithParam<TwoLayers> {};

TEST_P(ReluBetweenLayers, GradientsMatchDouble) {
  const TwoLayers& row = GetParam();
  // Quarters, and a bias beside them: sums of the first layer are exact, and none is at the kink.
  const auto quarters = [](const Shape& shape, double offset = 0) {
    return Input{.shape = shape, .low = -0.5, .high = 0.5, .step = 0.25, .offset = offset};
  };
  check_case({.name = row.name,
              .inputs = {quarters({6, 5}), quarters({67, 5}), quarters({67}, 0.03125),
                         quarters({row.outputs, 67}), quarters({row.outputs})},
              .op = [&](const std::vector<Tensor>& in) { return two_layers(row, in); },
              .reference = [&](const std::vector<NdArray>& in) { return two_layers_reference(row, in); },
              .value = {.terms = 68, .magnitude = 4},
              .gradient = {.terms = 67, .roundings = 2, .magnitude = 4}});
}

INSTANTIATE_TEST_SUITE_P(All, ReluBetweenLayers, ::testing::ValuesIn(kTwoLayers),
                         [](const auto& test) { return test.param.name; });

/// One layer on a device: the result, all gradients.
std::vector<Tensor> linear_and_gradients(Device device, int64_t rows, Activation activation) {
  Generator random(3);
  const auto normal = [&](const Shape& shape) {
    return randn(shape, 0, 1, DType::f32, kCpu, random).to(device);
  };
  Tensor in[] = {normal({rows, 7}), normal({40, 7}), normal({40})};
  for (Tensor& x : in) x.set_requires_grad();
  const Tensor y = linear(in[0], in[1], in[2], activation);
  y.backward(normal(y.shape()));
  return {y.detach(), in[0].grad(), in[1].grad(), in[2].grad()};
}

TEST(LinearOp, IsProductsAloneOrWhereCublasDeclinesKernelsToo) {
  struct Row {
    Activation activation;
    const char* call;  // the nth of which says that there is no algorithm
    uint64_t nth, kernels;
  };
  const char* const choose = "cublasLtMatmulAlgoGetHeuristic";
  const Row rows[] = {{Activation::none, choose, 0, 0},  // nothing declined
                      {Activation::none, choose, 1, 1},  // the bias
                      {Activation::none, choose, 3, 1},  // its gradient
                      {Activation::relu, choose, 0, 1},  // the mask of the gradient
                      {Activation::relu, choose, 1, 2},  // the bias, for the plan with relu
                      {Activation::relu, "cublasLtMatmulAlgoCheck", 1, 2},  // relu
                      {Activation::relu, "cublasLtMatmul", 1, 2}};          // relu, when it is to run
  for (const Device device : accelerators()) {
    linear_and_gradients(device, 1, Activation::none);
    emulator::Control* const emulated = emulated_device();
    if (!emulated) GTEST_SKIP() << "only the emulated device can be made to decline";
    int64_t samples = 10;  // other numbers of samples make new plans
    for (const auto& [activation, call, nth, kernels] : rows) {
      SCOPED_TRACE(std::string(call) + " " + std::to_string(nth) + ", kernels " + std::to_string(kernels));
      const std::vector<Tensor> expected = linear_and_gradients(kCpu, ++samples, activation);
      const uint64_t before = emulated->counters().kernels;
      constexpr int kNotSupported = 15;  // of cublasStatus_t
      emulated->inject(call, nth, kNotSupported);
      const std::vector<Tensor> found = linear_and_gradients(device, samples, activation);
      EXPECT_EQ(emulated->counters().kernels - before, kernels);
      EXPECT_EQ(emulated->failed_call(), nth > 0 ? call : "");
      emulated->inject("*", 0, 0);
      for (size_t i = 0; i < found.size(); ++i)
        expect_close(found[i], to_ndarray(expected[i]), tolerance(DType::f32, {.terms = 40, .magnitude = 4}));
    }
  }
}

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
