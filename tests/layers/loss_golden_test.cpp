// Losses against PyTorch's stored numbers, in every floating type against themselves in f64, and by
// differences.
#include <gtest/gtest.h>

#include "dlengine/core/gradcheck.h"
#include "dlengine/core/ops.h"
#include "tests/layers/loss_cases.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct Place {
  DType dtype = DType::f64;
  Device device = kCpu;
};

Tensor stored(const std::string& name, const Place& place) {
  const Tensor tensor = loss_golden().at(name);
  return (is_floating(tensor.dtype()) ? tensor.to(place.dtype) : tensor).to(place.device);
}

Loss make(const LossCase& row, Reduction reduction, const Place& place) {
  return row.make(reduction, row.weight.empty() ? Tensor() : stored(row.weight, place));
}

const std::pair<std::string, Reduction> kReductions[] = {{"mean", Reduction::mean},
                                                         {"sum", Reduction::sum},
                                                         {"none", Reduction::none},
                                                         {"batchmean", Reduction::batchmean}};

class LossTest : public testing::TestWithParam<LossCase> {};

TEST_P(LossTest, AgreesWithStoredNumbers) {
  const LossCase& row = GetParam();
  int compared = 0;
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const auto& [name, reduction] : kReductions) {
        const std::string key = row.name + "." + name;
        if (loss_golden().under(key + ".dx").empty()) continue;
        SCOPED_TRACE(key + " " + to_string(device));
        const Place place{dtype, device};
        const Tensor x = stored(row.name + ".x", place).clone().set_requires_grad();
        const Tensor loss = make(row, reduction, place)(x, stored(row.name + ".target", place));
        loss.backward(stored(key + ".dy", place));
        const Tolerance close = tolerance(dtype, {.terms = 20, .roundings = 3, .magnitude = row.magnitude});
        expect_close(loss, to_ndarray(loss_golden().at(key)), close);
        expect_close(x.grad(), to_ndarray(loss_golden().at(key + ".dx")), close);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 0);
}

TEST_P(LossTest, HasTheGradientOfDifferences) {
  const LossCase& row = GetParam();
  if (!row.checked) GTEST_SKIP() << "its points lie at a bound";
  for (const Device device : devices()) {
    const Place place{DType::f64, device};
    const Tensor target = stored(row.name + ".target", place);
    const Tensor x = stored(row.name + ".x", place).clone().set_requires_grad();
    for (const Reduction reduction : {Reduction::mean, Reduction::none}) {
      const Loss loss = make(row, reduction, place);
      EXPECT_TRUE(gradcheck([&](const std::vector<Tensor>& in) { return loss(in[0], target); }, {x}).passed);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LossTest, testing::ValuesIn(loss_cases()),
                         [](const auto& row) { return row.param.name; });

TEST(RegressionLosses, HaveAGradientForTheTargetToo) {
  for (const LossCase& row : regression_cases()) {
    SCOPED_TRACE(row.name);
    const Loss loss = make(row, Reduction::mean, {});
    const Tensor x = stored(row.name + ".x", {});
    const Tensor leaf = stored(row.name + ".target", {}).clone().set_requires_grad();
    EXPECT_TRUE(gradcheck([&](const std::vector<Tensor>& in) { return loss(x, in[0]); }, {leaf}).passed);
  }
}

}  // namespace
}  // namespace dlengine::test
