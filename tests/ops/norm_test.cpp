// Batch normalisation: training, evaluation, running statistics and gradients.
#include "dlengine/core/ops/norm.h"
#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

// Per-channel tensors are f32 for the 16-bit types.
DType channel_type(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }
Tensor per_channel(const Tensor& x, const Tensor& like) { return x.to(channel_type(like.dtype())); }

struct NormRow {
  const char* name;
  Shape shape;
  double eps = 1e-5;
  friend std::ostream& operator<<(std::ostream& out, const NormRow& row) { return out << row.name; }
};

const NormRow kNorm[] = {
    {"images", {2, 3, 4, 5}},    {"one_image", {1, 3, 4, 5}}, {"features", {9, 5}},
    {"signals", {4, 3, 5}},      {"one_channel", {7, 1}},     {"many_channels", {5, 37, 1, 3}},
    {"two_values", {2, 3}, 0.5}, {"long", {2, 2, 33, 31}},
};

class BatchNormOp : public ::testing::TestWithParam<NormRow> {};

TEST_P(BatchNormOp, TrainingMatchesDouble) {
  const auto& [name, shape, eps] = GetParam();
  const auto terms = static_cast<double>(shape.product() / shape[1]);
  check_case({.name = name,
              .inputs = {{.shape = shape, .repeatable = false}, {.shape = {shape[1]}}, {.shape = {shape[1]}}},
              .op =
                  [&, e = eps](const std::vector<Tensor>& in) {
                    return batch_norm(in[0], per_channel(in[1], in[0]), per_channel(in[2], in[0]), {}, {},
                                      {.eps = e});
                  },
              .reference =
                  [e = eps](const std::vector<NdArray>& in) {
                    return reference::batch_norm(in[0], in[1], in[2], e);
                  },
              // normalised values reach 3; their gradient is scaled by 1 / deviation, below 4 here
              .value = {.terms = terms, .magnitude = 4},
              .gradient = {.terms = terms, .roundings = 1, .magnitude = 4}});
}

TEST_P(BatchNormOp, EvaluationMatchesDouble) {
  const auto& [name, shape, eps] = GetParam();
  const int64_t channels = shape[1];
  std::mt19937_64 rng(5);
  const NdArray mean = rounded(random_array({channels}, -1, 1, rng), DType::f32);
  const NdArray variance = rounded(random_array({channels}, 0.5, 2, rng), DType::f32);
  check_case({.name = name,
              .inputs = {{.shape = shape}, {.shape = {channels}}, {.shape = {channels}}},
              .op =
                  [&, e = eps](const std::vector<Tensor>& in) {
                    const DType type = channel_type(in[0].dtype());
                    return batch_norm(in[0], per_channel(in[1], in[0]), per_channel(in[2], in[0]),
                                      to_tensor(mean, type, in[0].device()),
                                      to_tensor(variance, type, in[0].device()),
                                      {.training = false, .eps = e});
                  },
              .reference =
                  [&, e = eps](const std::vector<NdArray>& in) {
                    return reference::normalize(in[0], in[1], in[2], mean.values, variance.values, e);
                  },
              .value = {.terms = 4, .magnitude = 4},
              .gradient = {.terms = static_cast<double>(shape.product()), .roundings = 4, .magnitude = 4}});
}

TEST_P(BatchNormOp, RunningStatisticsAreUnbiasedAndMixedByMomentum) {
  const auto& [name, shape, eps] = GetParam();
  std::mt19937_64 rng(6);
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(dlengine::name(dtype));
      const NdArray x = rounded(random_array(shape, -1, 3, rng), dtype);
      const DType type = channel_type(dtype);
      const Tensor mean = full({shape[1]}, 2, type, device), variance = full({shape[1]}, 5, type, device);
      batch_norm(to_tensor(x, dtype, device), {}, {}, mean, variance, {.momentum = 0.25});

      const reference::ChannelStatistics batch = reference::channel_statistics(x);
      NdArray want_mean({shape[1]}), want_variance({shape[1]});
      for (size_t c = 0; c < batch.mean.size(); ++c) {
        want_mean.values[c] = 0.75 * 2 + 0.25 * batch.mean[c];
        want_variance.values[c] = 0.75 * 5 + 0.25 * batch.unbiased_variance[c];
      }
      const ErrorBudget budget = {.terms = static_cast<double>(shape.product() / shape[1]), .magnitude = 9};
      expect_close(mean, want_mean, tolerance(type, budget));
      expect_close(variance, want_variance, tolerance(type, budget));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, BatchNormOp, ::testing::ValuesIn(kNorm),
                         [](const auto& test) { return test.param.name; });

TEST(BatchNorm, WithoutWeightAndBiasGivesMeanZeroAndVarianceOne) {
  for (const Device device : devices()) {
    Generator generator(3);
    const Tensor x = randn({64, 3, 5, 5}, 7, 3, DType::f64, device, generator);
    const auto statistics = reference::channel_statistics(to_ndarray(batch_norm(x, {}, {}, {}, {})));
    for (size_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(statistics.mean[c], 0, 1e-12);
      EXPECT_NEAR(statistics.variance[c], 1, 1e-5);  // eps = 1e-5 over a variance of 9
    }
  }
}

TEST(BatchNorm, KeepsAccuracyFarFromZero) {
  // One-pass variance, mean(x^2) - mean(x)^2, has no digits left at 10000. That of a GPU is cuDNN's, which
  // does not say how it computes it: at 10 a pass is enough.
  for (const Device device : devices()) {
    const double far = device.kind == DeviceKind::cuda && !emulated_device() ? 10 : 10000;
    const NdArray x({4, 1}, {far, far + 0.5, far + 1, far + 1.5});
    const Tensor y = batch_norm(to_tensor(x, DType::f32, device), {}, {}, {}, {});
    const NdArray want = reference::batch_norm(x, NdArray({1}, 1), NdArray({1}, 0), 1e-5);
    expect_close(y, want, {.relative = 1e-3});  // the mean itself is rounded to 1e-3 / deviation 0.56
  }
}

TEST(BatchNorm, ConstantChannelsGiveTheBiasAndFiniteGradients) {
  for (const Device device : devices()) {
    Tensor x = full({4, 2, 3, 3}, 5, DType::f32, device);
    x.set_requires_grad();
    Tensor y = batch_norm(x, ones({2}, DType::f32, device), full({2}, 3, DType::f32, device), {}, {});
    expect_same(y, NdArray({4, 2, 3, 3}, 3.0));
    sum(y).backward();
    for (const double value : x.grad().to_vector<double>()) EXPECT_NEAR(value, 0, 1e-3);
  }
}

/// The result and the gradients of x, weight and bias.
std::vector<std::vector<double>> run_norm(const NdArray& values, DType dtype, Device device,
                                          const std::function<Tensor(const std::vector<Tensor>&)>& op) {
  const DType type = channel_type(dtype);
  std::vector<Tensor> in = {to_tensor(values, dtype, device), full({3}, 1.5, type, device),
                            full({3}, -0.25, type, device)};
  for (Tensor& tensor : in) tensor.set_requires_grad();
  const Tensor y = op(in);
  std::mt19937_64 rng(8);
  y.backward(to_tensor(rounded(random_array(values.shape, -1, 1, rng), dtype), dtype, device));
  std::vector<std::vector<double>> results = {y.to_vector<double>()};
  for (const Tensor& tensor : in) results.push_back(tensor.grad().to_vector<double>());
  return results;
}

TEST(BatchNorm, MayEndInReluWithTheSameBits) {
  std::mt19937_64 rng(7);
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      for (const bool training : {true, false}) {
        SCOPED_TRACE(name(dtype));
        const NdArray x = rounded(random_array({5, 3, 4, 3}, -2, 1, rng), dtype);
        const Tensor mean = full({3}, -0.5, channel_type(dtype), device);
        const Tensor variance = full({3}, 2, channel_type(dtype), device);
        const auto norm = [&](const std::vector<Tensor>& in, Activation activation) {
          return batch_norm(in[0], in[1], in[2], mean.clone(), variance.clone(),
                            {.training = training, .activation = activation});
        };
        const auto apart =
            run_norm(x, dtype, device, [&](auto& in) { return relu(norm(in, Activation::none)); });
        const auto fused = run_norm(x, dtype, device, [&](auto& in) { return norm(in, Activation::relu); });
        EXPECT_EQ(apart, fused);
        EXPECT_TRUE(std::count(fused[0].begin(), fused[0].end(), 0.0) > 10) << "the relu has nothing to do";
      }
    }
  }
}

TEST(BatchNorm, StatisticsMayLieInEveryLayout) {
  for (const Device device : devices()) {
    const Tensor x = arange(0, 12, 1, DType::f32, device).reshape({4, 3});
    const auto columns = [&] { return arange(1, 7, 1, DType::f32, device).reshape({3, 2}); };
    const Tensor means = columns(), variances = columns();
    const Tensor mean = means.select(1, 0), variance = variances.select(1, 1);
    const Tensor dense_mean = mean.clone(), dense_variance = variance.clone();
    batch_norm(x, {}, {}, mean, variance, {.momentum = 0.25});
    batch_norm(x, {}, {}, dense_mean, dense_variance, {.momentum = 0.25});
    EXPECT_EQ(mean.to_vector<float>(), dense_mean.to_vector<float>());
    EXPECT_EQ(variance.to_vector<float>(), dense_variance.to_vector<float>());
    expect_same(means.select(1, 1), {2, 4, 6});
    expect_same(variances.select(1, 0), {1, 3, 5});
    EXPECT_EQ(batch_norm(x, {}, {}, mean, variance, {.training = false}).to_vector<float>(),
              batch_norm(x, {}, {}, dense_mean, dense_variance, {.training = false}).to_vector<float>());
  }
}

TEST(BatchNorm, OfNoSamplesGivesGradientsOfZero) {
  for (const Device device : devices()) {
    for (const Shape& shape : {Shape{0, 3}, Shape{0, 3, 2, 2}}) {
      Tensor weight = ones({3}, DType::f32, device), bias = ones({3}, DType::f32, device);
      weight.set_requires_grad();
      bias.set_requires_grad();
      const Tensor mean = full({3}, 2, DType::f32, device), variance = full({3}, 5, DType::f32, device);
      sum(batch_norm(zeros(shape, DType::f32, device), weight, bias, mean, variance)).backward();
      expect_same(weight.grad(), {0, 0, 0});
      expect_same(bias.grad(), {0, 0, 0});
      expect_same(mean, {2, 2, 2});
      expect_same(variance, {5, 5, 5});
    }
  }
}

TEST(BatchNorm, ChangesNoStatisticsInEvaluation) {
  for (const Device device : devices()) {
    const Tensor mean = full({2}, 1, DType::f32, device), variance = full({2}, 2, DType::f32, device);
    batch_norm(ones({3, 2}, DType::f32, device), {}, {}, mean, variance, {.training = false});
    expect_same(mean, {1, 1});
    expect_same(variance, {2, 2});
  }
}

TEST(BatchNorm, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const auto f32 = [&](const Shape& shape) { return ones(shape, DType::f32, device); };
    const auto run = [&](const Shape& x, const Shape& weight) {
      batch_norm(f32(x), f32(weight), {}, {}, {});
    };
    expect_throw<ShapeError>([&] { run({4, 3}, {2}); }, {"batch_norm", "[4, 3]", "[2]"});
    expect_throw<ShapeError>([&] { run({4}, {4}); }, {"batch_norm", "[4]"});
    expect_throw<ValueError>([&] { run({1, 3}, {3}); }, {"batch_norm", "[1, 3]"});
    expect_throw<DTypeError>(
        [&] {
          batch_norm(f32({4, 3}), f32({3}).to(DType::f64), {}, {}, {});
        },
        {"batch_norm", "f32", "f64"});
    expect_throw<DTypeError>(
        [&] {
          batch_norm(f32({4, 3}).to(DType::i32), {}, {}, {}, {});
        },
        {"batch_norm", "i32"});
    EXPECT_THROW(batch_norm(f32({4, 3}), {}, {}, {}, {}, {.training = false}),
                 Error);  // no statistics to use
  }
}

}  // namespace
}  // namespace dlengine::test
