// Metrics against plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/metrics.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

constexpr int64_t kSamples = 37, kClasses = 7;

/// Scores and classes of the CPU, for the loops, and of a device.
struct Scores {
  explicit Scores(Device on) : device((manual_seed(4), on)) {}

  /// How many other scores of the sample are larger than that of its class.
  int64_t rank(int64_t sample) const {
    int64_t larger = 0;
    for (int64_t c = 0; c < kClasses; ++c) larger += at(sample, c) > at(sample, label(sample));
    return larger;
  }
  double at(int64_t sample, int64_t c) const { return values[size_t(sample * kClasses + c)]; }
  int64_t label(int64_t sample) const { return labels[size_t(sample)]; }
  int64_t best(int64_t sample) const {
    int64_t best = 0;
    for (int64_t c = 1; c < kClasses; ++c) {
      if (at(sample, c) > at(sample, best)) best = c;
    }
    return best;
  }

  Device device;
  Tensor scores = randn({kSamples, kClasses});
  Tensor classes = argmax(randn({kSamples, kClasses}), 1);
  std::vector<double> values = scores.to_vector<double>();
  std::vector<int64_t> labels = classes.to_vector<int64_t>();
  Tensor outputs = scores.to(device), numbers = classes.to(device),
         rows = one_hot(classes, kClasses).to(device);
};

TEST(Metrics, AccuracyCountsRowsWhoseLargestIsTheClass) {
  for (const Device device : devices()) {
    const Scores s(device);
    for (const int64_t k : {1, 2, 5, 7, 9}) {
      double hits = 0;
      for (int64_t n = 0; n < kSamples; ++n) hits += s.rank(n) < k;
      const auto want = static_cast<float>(hits / kSamples);
      EXPECT_FLOAT_EQ(top_k_accuracy(s.outputs, s.numbers, k).item<float>(), want);
      EXPECT_FLOAT_EQ(top_k_accuracy(s.outputs, s.rows, k).item<float>(), want);
      if (k > 1) continue;
      EXPECT_FLOAT_EQ(accuracy(s.outputs, s.numbers).item<float>(), want);
      EXPECT_FLOAT_EQ(accuracy(s.outputs, s.numbers.to(DType::u8)).item<float>(), want);
      EXPECT_FLOAT_EQ(accuracy(s.outputs, s.rows).item<float>(), want);
    }
  }
}

TEST(Metrics, ConfusionCountsEveryPairOfClasses) {
  for (const Device device : devices()) {
    const Scores s(device);
    std::vector<int64_t> want(kClasses * kClasses, 0);
    for (int64_t n = 0; n < kSamples; ++n) ++want[size_t(s.label(n) * kClasses + s.best(n))];
    for (const Tensor& labels : {s.numbers, s.rows}) {
      const Tensor confusion = confusion_matrix(s.outputs, labels);
      EXPECT_EQ(confusion.shape(), (Shape{kClasses, kClasses}));
      EXPECT_EQ(confusion.to_vector<int64_t>(), want);
    }
  }
}

TEST(Metrics, BinaryAccuracyCountsSingleOutputs) {
  for (const Device device : devices()) {
    for (const int64_t labels_per_sample : {1, 3}) {
      manual_seed(6);
      const Tensor y = randn({kSamples, labels_per_sample}), t = randn({kSamples, labels_per_sample});
      const auto outputs = y.to_vector<double>(), labels = t.to_vector<double>();
      for (const auto& [threshold, label_threshold] : {std::pair{0.5, 0.5}, std::pair{0.0, -0.2}}) {
        double hits = 0;
        for (size_t i = 0; i < outputs.size(); ++i) {
          hits += (outputs[i] > threshold) == (labels[i] > label_threshold);
        }
        const Tensor share = binary_accuracy(y.to(device), t.to(device),
                                             {.threshold = threshold, .label_threshold = label_threshold});
        EXPECT_FLOAT_EQ(share.item<float>(), float(hits / double(outputs.size())));
      }
    }
    const Tensor yes = from_vector<int64_t>({1, 0, 1, 0}, {4}).to(device);
    EXPECT_EQ(binary_accuracy(tensor({0.9, 0.2, 0.4, 0.5}).to(device), yes).item<float>(), 0.75F);
  }
}

TEST(Metrics, ErrorsAreMeansOverAllElements) {
  const Tensor y = randn({5, 3}, 0, 1, DType::f64), t = randn({5, 3}, 0, 1, DType::f64);
  const auto outputs = y.to_vector<double>(), labels = t.to_vector<double>();
  double absolute = 0, square = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    absolute += std::abs(outputs[i] - labels[i]) / 15;
    square += std::pow(outputs[i] - labels[i], 2) / 15;
  }
  for (const Device device : devices()) {
    EXPECT_NEAR(mean_absolute_error(y.to(device), t.to(device)).item<double>(), absolute, 1e-14);
    EXPECT_NEAR(mean_squared_error(y.to(device), t.to(device)).item<double>(), square, 1e-14);
  }
}

TEST(Metrics, AreOffTheTape) {
  const Tensor y = randn({4, 3}).set_requires_grad(), t = randn({4, 3});
  for (const std::string_view name : metric_names()) {
    EXPECT_FALSE(make_metric(name)(y, t).requires_grad()) << name;
  }
}

TEST(MakeMetric, KnowsKerasNames) {
  const Scores s(kCpu);
  const auto value = [&](const char* name, const Tensor& labels) {
    return make_metric(name)(s.outputs, labels).item<float>();
  };
  const float right = accuracy(s.outputs, s.numbers).item<float>();
  EXPECT_EQ(value("accuracy", s.numbers), right);
  EXPECT_EQ(value("accuracy", s.rows), right);
  EXPECT_EQ(value("categorical_accuracy", s.rows), right);
  EXPECT_EQ(value("sparse_categorical_accuracy", s.numbers), right);
  const float near = top_k_accuracy(s.outputs, s.numbers, 5).item<float>();
  EXPECT_EQ(value("top_k_categorical_accuracy", s.rows), near);
  EXPECT_EQ(value("sparse_top_k_categorical_accuracy", s.numbers), near);
  EXPECT_EQ(value("binary_accuracy", s.rows), binary_accuracy(s.outputs, s.rows).item<float>());
  EXPECT_EQ(value("mae", s.rows), mean_absolute_error(s.outputs, s.rows).item<float>());
  EXPECT_EQ(value("mean_absolute_error", s.rows), value("mae", s.rows));
  EXPECT_EQ(value("mse", s.rows), mean_squared_error(s.outputs, s.rows).item<float>());
  EXPECT_EQ(value("mean_squared_error", s.rows), value("mse", s.rows));
  EXPECT_EQ(make_metric("accuracy")(tensor({0.9, 0.2}).reshape({2, 1}), ones({2, 1})).item<float>(), 0.5F);
}

TEST(MakeMetric, ListsItsNames) {
  expect_throw<ValueError>([] { make_metric("acuracy"); }, {"accuracy, binary_accuracy", "not 'acuracy'"});
}

TEST(Metrics, RefuseWhatTheyCannotCount) {
  const Tensor y = zeros({4, 3});
  expect_throw<ShapeError>([&] { accuracy(y, zeros({3}, DType::i64)); }, {"accuracy: need output [N, C]"});
  expect_throw<ShapeError>([&] { accuracy(y, zeros({4, 2})); }, {"accuracy: output is [4, 3]"});
  expect_throw<DTypeError>([&] { confusion_matrix(y, zeros({4})); }, {"confusion_matrix: need"});
  expect_throw<ShapeError>([&] { binary_accuracy(y, zeros({4, 1})); }, {"binary_accuracy: output is [4, 3]"});
  expect_throw<ValueError>([&] { top_k_accuracy(y, zeros({4}, DType::i64), 0); }, {"need k >= 1, got 0"});
  expect_throw<ValueError>([&] { make_metric("accuracy")(y, Tensor()); }, {"labels are undefined"});
  EXPECT_THROW(accuracy(zeros({0, 3}), zeros({0}, DType::i64)), ValueError);
}

}  // namespace
}  // namespace dlengine::test
