// Softmax, its logarithm, and the cross-entropy loss with classes and with probabilities.
#include <cmath>
#include <cstdint>
#include <functional>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/ops/softmax.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

struct SoftmaxRow {
  const char* name;
  Shape shape;
  int axis = -1;
  friend std::ostream& operator<<(std::ostream& out, const SoftmaxRow& row) { return out << row.name; }
};

const SoftmaxRow kSoftmax[] = {
    {"rows", {5, 7}},
    {"columns", {5, 7}, 0},
    {"middle_axis", {2, 5, 3}, 1},
    {"one_class", {3, 1}},
    {"one_element", {1}},
    {"long_row", {4097}},
    {"many_rows", {67, 10}},
    {"no_rows", {0, 3}},
    {"no_classes", {3, 0}},
    {"four_axes", {2, 3, 2, 5}, -3},
};

class SoftmaxOp : public ::testing::TestWithParam<SoftmaxRow> {};

OpCase softmax_case(const SoftmaxRow& row, bool log) {
  const int axis = row.axis < 0 ? row.axis + row.shape.rank() : row.axis;
  const auto terms = static_cast<double>(row.shape[axis]);
  return {
      .name = row.name,
      .inputs = {{.shape = row.shape, .low = -3, .high = 3}},
      .op = [=, a = row.axis](
                const std::vector<Tensor>& in) { return log ? log_softmax(in[0], a) : softmax(in[0], a); },
      .reference =
          [=](const std::vector<NdArray>& in) {
            return log ? reference::log_softmax(in[0], axis) : reference::softmax(in[0], axis);
          },
      // exp(x - max) / sum: the sum's relative error of at most terms * eps applies to results below 1.
      .value = {.terms = std::min(terms, 16.0) + 2},
      .gradient = {.terms = terms, .roundings = 4}};
}

TEST_P(SoftmaxOp, MatchesDouble) { check_case(softmax_case(GetParam(), false)); }
TEST_P(SoftmaxOp, LogarithmMatchesDouble) { check_case(softmax_case(GetParam(), true)); }

INSTANTIATE_TEST_SUITE_P(All, SoftmaxOp, ::testing::ValuesIn(kSoftmax),
                         [](const auto& test) { return test.param.name; });

TEST_P(SoftmaxOp, LogarithmOfTheSumMatchesDouble) {
  const SoftmaxRow& row = GetParam();
  const int axis = row.axis < 0 ? row.axis + row.shape.rank() : row.axis;
  const auto terms = static_cast<double>(row.shape[axis]);
  for (const bool keep_axis : {false, true}) {
    check_case({.name = row.name,
                .inputs = {{.shape = row.shape, .low = -3, .high = 3}},
                .op = [&](const std::vector<Tensor>& in) { return logsumexp(in[0], row.axis, keep_axis); },
                .reference =
                    [&](const std::vector<NdArray>& in) {
                      return reference::reduce(in[0], {axis}, keep_axis, [](const std::vector<double>& x) {
                        long double sum = 0;  // equal elements are rounded the same way every time
                        for (const double value : x) sum += std::exp(value);
                        return static_cast<double>(std::log(sum));
                      });
                    },
                .value = {.terms = std::min(terms, 16.0) + 2, .magnitude = 4},
                .gradient = {.terms = terms, .roundings = 4}});
  }
}

TEST(LogSumExp, IsSafeForLargeAndInfiniteElements) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x = to_tensor(
          NdArray({4, 2}, {1000, 1000, -1000, -INFINITY, -INFINITY, -INFINITY, INFINITY, 0}), dtype, device);
      const Tensor leaf = x.detach().set_requires_grad(), y = logsumexp(leaf, 1);
      EXPECT_EQ(y.dtype(), dtype);
      expect_close(y, NdArray({4}, {1000 + std::log(2.0), -1000, -INFINITY, INFINITY}), tolerance(dtype));
      y.slice(0, 0, 3).backward(ones({3}, dtype, device));
      expect_close(leaf.grad().slice(0, 0, 3), NdArray({3, 2}, {0.5, 0.5, 1, 0, 0, 0}),
                   tolerance(dtype, {.magnitude = 1000}));  // y - x is as exact as y
    }
    const Tensor many = zeros({70000}, DType::f16, device);  // their sum is no number of 16 bits
    expect_close(logsumexp(many), NdArray({}, {std::log(70000.0)}), tolerance(DType::f16));
    expect_same(logsumexp(full({2}, std::nan(""), DType::f32, device)), {std::nan("")});
    expect_same(logsumexp(zeros({2, 0}, DType::f32, device)), {-INFINITY, -INFINITY});
  }
  expect_throw<DTypeError>([] { logsumexp(zeros({2}, DType::i64)); }, {"logsumexp", "i64"});
  expect_throw<ShapeError>([] { logsumexp(zeros({2}), 1); }, {"logsumexp", "axis 1"});
}

TEST(Softmax, TakesLogitsOfAThousand) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x = to_tensor(NdArray({2, 3}, {1000, 1000, -1000, -1000, -1000, -1000}), dtype, device);
      expect_close(softmax(x), NdArray({2, 3}, {0.5, 0.5, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3}), tolerance(dtype));
      const double half = -std::log(2.0), third = -std::log(3.0);
      expect_close(log_softmax(x), NdArray({2, 3}, {half, half, -2000 + half, third, third, third}),
                   tolerance(dtype, {.magnitude = 2000}));
    }
  }
}

TEST(Softmax, MinusInfinityMasks) {
  for (const Device device : devices()) {
    const Tensor x = tensor({0, -INFINITY, 0}).to(device);
    expect_same(softmax(x), {0.5, 0, 0.5});
  }
}

TEST(Softmax, RefusesIntegersAndAxesThatAreNotThere) {
  for (const Device device : devices()) {
    expect_throw<DTypeError>([&] { softmax(zeros({2, 2}, DType::i64, device)); }, {"softmax", "i64"});
    expect_throw<ShapeError>(
        [&] {
          log_softmax(zeros({2, 2}, DType::f32, device), 2);
        },
        {"log_softmax", "2"});
  }
}

// --- Cross-entropy ---

NdArray reduced(const NdArray& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return losses;
    case Reduction::mean: return reference::reduce(losses, {}, false, reference::fold_mean);
    case Reduction::sum: return reference::reduce(losses, {}, false, reference::fold_sum);
    case Reduction::batchmean: break;  // cross_entropy() has none
  }
  return {};
}

// Labels count up, so every class comes.
NdArray some_labels(int64_t rows, int64_t classes) {
  NdArray labels({rows});
  for (int64_t i = 0; i < rows; ++i) labels[i] = static_cast<double>((i * 3 + 1) % classes);
  return labels;
}

struct LossRow {
  const char* name;
  Reduction reduction;
  friend std::ostream& operator<<(std::ostream& out, const LossRow& row) { return out << row.name; }
};
const LossRow kLoss[] = {{"none", Reduction::none}, {"mean", Reduction::mean}, {"sum", Reduction::sum}};

class CrossEntropy : public ::testing::TestWithParam<LossRow> {};

OpCase loss_case(const LossRow& row, const Shape& shape) {
  const auto rows = static_cast<double>(shape[0]), classes = static_cast<double>(shape[1]);
  return {.name = row.name,
          .inputs = {{.shape = shape, .low = -3, .high = 3}},
          .op = {},
          .reference = {},
          .value = {.terms = classes + rows, .magnitude = row.reduction == Reduction::sum ? 8.0 : 4.0},
          .gradient = {.terms = 16}};
}

TEST_P(CrossEntropy, WithClassesMatchesDouble) {
  const LossRow& row = GetParam();
  for (const DType label_type : integer_types()) {
    for (const Shape& shape : {Shape{6, 10}, Shape{1, 1}, Shape{1, 2}, Shape{67, 3}, Shape{3, 251}}) {
      const NdArray labels = some_labels(shape[0], shape[1]);
      OpCase current = loss_case(row, shape);
      current.op = [&](const std::vector<Tensor>& in) {
        return cross_entropy(in[0], to_tensor(labels, label_type, in[0].device()), row.reduction);
      };
      current.reference = [&](const std::vector<NdArray>& in) {
        return reduced(reference::cross_entropy(in[0], reference::one_hot(labels, shape[1])), row.reduction);
      };
      check_case(current);
    }
  }
}

TEST_P(CrossEntropy, WithProbabilitiesMatchesDouble) {
  const LossRow& row = GetParam();
  std::mt19937_64 rng(9);
  // Sums of rows are not 1 on purpose: the gradient must count them. The last row is long.
  const NdArray targets[] = {rounded(random_array({6, 10}, 0, 0.2, rng), DType::bf16),
                             reference::one_hot(some_labels(6, 10), 10),
                             rounded(random_array({2, 1100}, 0, 0.002, rng), DType::bf16)};
  for (const NdArray& target : targets) {
    OpCase current = loss_case(row, target.shape);
    current.op = [&](const std::vector<Tensor>& in) {
      return cross_entropy(in[0], to_tensor(target, in[0].dtype(), in[0].device()), row.reduction);
    };
    current.reference = [&](const std::vector<NdArray>& in) {
      return reduced(reference::cross_entropy(in[0], target), row.reduction);
    };
    check_case(current);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CrossEntropy, ::testing::ValuesIn(kLoss),
                         [](const auto& test) { return test.param.name; });

/// The gradient of the logits, of f(loss).
std::vector<double> gradient_of(const NdArray& logits, DType dtype, const Tensor& labels, Reduction reduction,
                                const std::function<void(const Tensor& loss)>& backward) {
  Tensor x = to_tensor(logits, dtype, labels.device()).set_requires_grad();
  backward(cross_entropy(x, labels, reduction));
  return x.grad().to_vector<double>();
}

TEST(CrossEntropyLoss, GivesTheGradientOfARootOrOfAnythingBehindIt) {
  std::mt19937_64 rng(3);
  const NdArray logits = random_array({67, 10}, -3, 3, rng);
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor classes = to_tensor(some_labels(67, 10), DType::i64, device);
      for (const Tensor& labels : {classes, one_hot(classes, 10)}) {
        for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
          const auto gradient = [&](const std::function<void(const Tensor& loss)>& backward) {
            return gradient_of(logits, dtype, labels, reduction, backward);
          };
          const std::vector<double> root = gradient([](const Tensor& loss) { loss.backward(); });
          EXPECT_EQ(gradient([](const Tensor& loss) { loss.backward(ones_like(loss)); }), root);
          std::vector<double> doubled = gradient([](const Tensor& loss) { (loss * 2.0).backward(); });
          for (double& value : doubled) value /= 2;
          if (dtype == DType::f16) continue;  // may be subnormal
          EXPECT_EQ(doubled, root);
        }
      }
    }
  }
}

TEST(CrossEntropyLoss, ScalesBeforeItRounds) {
  // What loss scaling is for: a gradient that is too small for f16 until it is scaled.
  for (const Device device : devices()) {
    Tensor x = to_tensor(NdArray({1, 2}, {0, 18}), DType::f16, device).set_requires_grad();
    (cross_entropy(x, from_vector<int64_t>({1}, {1}, device)) * 65536.0).backward();
    EXPECT_NEAR(x.grad().to_vector<double>()[0], 65536 * std::exp(-18.0), 1e-6);
  }
}

/// What counted_cross_entropy() adds to `totals`.
void count(const NdArray& logits, const NdArray& classes, double loss, std::vector<double>& totals) {
  double hits = 0;
  for (int64_t row = 0; row < logits.shape[0]; ++row) {
    const int64_t columns = logits.shape[1];
    int64_t best = 0;
    for (int64_t c = 1; c < columns; ++c) {
      if (logits[row * columns + c] > logits[row * columns + best]) best = c;
    }
    hits += static_cast<double>(best) == classes[row];
  }
  const auto rows = static_cast<double>(logits.shape[0]);
  totals[0] += loss * rows;
  totals[1] += hits;
  totals[2] += rows;
  totals[3] += 1;
}

TEST(CountedCrossEntropy, AddsLossHitsAndSamples) {
  std::mt19937_64 rng(4);
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
        Tensor totals = zeros({5}, DType::f64, device);
        std::vector<double> expected(5);
        for (const Shape& shape : {Shape{6, 10}, Shape{1, 2}, Shape{67, 3}, Shape{300, 4}, Shape{3, 1051}}) {
          // Few different values, so that the largest one is often there twice.
          NdArray logits(shape);
          for (int64_t i = 0; i < logits.numel(); ++i) logits[i] = static_cast<double>(rng() % 8);
          const NdArray classes = some_labels(shape[0], shape[1]);
          const Tensor x = to_tensor(logits, dtype, device), labels = to_tensor(classes, DType::i64, device);
          for (const Tensor& target : {labels, one_hot(labels, shape[1])}) {
            const Tensor loss = counted_cross_entropy(x, target, reduction, totals);
            expect_same(loss, cross_entropy(x, target, reduction).to_vector<double>());
            count(logits, classes, loss.item<double>(), expected);
          }
        }
        EXPECT_EQ(totals.to_vector<double>(), expected);
      }
    }
  }
}

TEST(CountedCrossEntropy, NamesTheFirstLossThatIsNotFinite) {
  for (const Device device : devices()) {
    Tensor totals = zeros({5}, DType::f64, device);
    const Tensor labels = from_vector<int64_t>({1, 0}, {2}, device);
    for (const float value : {0.0F, NAN, 1.0F, -INFINITY}) {
      const Tensor x = tensor({{0, 0}, {0, 0}}).to(device);
      counted_cross_entropy(x * value, labels, Reduction::mean, totals);
    }
    const std::vector<double> found = totals.to_vector<double>();
    EXPECT_EQ(found[4], 2);
    EXPECT_EQ(found[3], 4);
    EXPECT_EQ(found[1], 4);  // the first of equals, and the first NaN, is class 0
  }
}

TEST(CountedCrossEntropy, OfNoRowsIsZeroAndCounted) {
  for (const Device device : devices()) {
    Tensor totals = zeros({5}, DType::f64, device);
    const Tensor x = zeros({0, 3}, DType::f32, device), labels = zeros({0}, DType::i64, device);
    expect_same(counted_cross_entropy(x, labels, Reduction::sum, totals), {0});
    expect_same(totals, {0, 0, 0, 1, 0});
  }
}

TEST(CountedCrossEntropy, RefusesWhatItCannotCount) {
  const Tensor x = zeros({2, 3}), labels = zeros({2}, DType::i64);
  Tensor totals = zeros({5}, DType::f64), narrow = zeros({5});
  expect_throw<ValueError>([&] { counted_cross_entropy(x, labels, Reduction::none, totals); }, {"one loss"});
  expect_throw<ShapeError>([&] { counted_cross_entropy(x, labels, Reduction::mean, narrow); },
                           {"f64 [5]", "f32 [5]"});
}

TEST(CrossEntropyLoss, OfHalvesIsF32AndOthersKeepTheirType) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor loss = cross_entropy(zeros({2, 4}, dtype, device), zeros({2}, DType::i64, device));
      EXPECT_EQ(name(loss.dtype()), dtype == DType::f64 ? "f64" : "f32");
      EXPECT_EQ(loss.rank(), 0);
      EXPECT_NEAR(loss.item<double>(), std::log(4.0), 4 * eps(loss.dtype()));
    }
  }
}

TEST(CrossEntropyLoss, TakesLogitsOfAThousand) {
  for (const Device device : devices()) {
    Tensor x = tensor({{1000, -1000}, {-1000, 1000}}).to(device);
    x.set_requires_grad();
    const Tensor loss = cross_entropy(x, from_vector<int64_t>({1, 1}, {2}, device), Reduction::none);
    expect_same(loss, {2000, 0});
    sum(loss).backward();
    expect_same(x.grad(), {1, -1, 0, 0});
  }
}

TEST(CrossEntropyLoss, NamesRowAndLabelOutOfRange) {
  for (const Device device : devices()) {
    const Tensor x = zeros({4, 10}, DType::f32, device);
    const auto loss = [&](std::vector<int64_t> labels) {
      return cross_entropy(x, from_vector(labels, {4}, device)).item<double>();
    };
    expect_throw<ValueError>([&] { loss({0, 9, 10, 3}); }, {"cross_entropy", "10", "row 2"});
    expect_throw<ValueError>([&] { loss({0, -1, 2, 3}); }, {"cross_entropy", "-1", "row 1"});
    expect_throw<ValueError>(
        [&] {
          cross_entropy(x, from_vector<uint8_t>({0, 1, 2, 255}, {4}, device)).item<double>();
        },
        {"cross_entropy", "255", "row 3"});
    EXPECT_NEAR(loss({0, 9, 1, 3}), std::log(10.0), 1e-6);  // works again after the error
  }
}

TEST(CrossEntropyLoss, NamesShapesAndTypesThatDoNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({4, 10}, DType::f32, device);
    const auto make = [&](const Shape& shape, DType dtype) { return zeros(shape, dtype, device); };
    expect_throw<ShapeError>([&] { cross_entropy(x, make({3}, DType::i64)); },
                             {"cross_entropy", "[4, 10]", "[3]"});
    expect_throw<ShapeError>(
        [&] {
          cross_entropy(x, make({4, 9}, DType::f32));
        },
        {"cross_entropy", "[4, 10]", "[4, 9]"});
    expect_throw<ShapeError>([&] { cross_entropy(make({10}, DType::f32), make({1}, DType::i64)); },
                             {"cross_entropy", "[10]"});
    expect_throw<DTypeError>([&] { cross_entropy(x, make({4}, DType::f32)); }, {"cross_entropy", "f32"});
    expect_throw<DTypeError>(
        [&] {
          cross_entropy(make({4, 10}, DType::i32), make({4}, DType::i64));
        },
        {"cross_entropy", "i32"});
  }
}

}  // namespace
}  // namespace dlengine::test
