// Every layer that says that it is replayable: a recorded step of it has the bits of one that runs as usual.
#include <gtest/gtest.h>

#include "dlengine/core/factory.h"
#include "dlengine/optim/sgd.h"
#include "dlengine/train/captured_step.h"
#include "tests/golden/golden.h"
#include "tests/layers/layer_cases.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

class ReplayableLayers : public testing::TestWithParam<LayerCase> {};

TEST_P(ReplayableLayers, GiveTheirBits) {
  const LayerCase& row = GetParam();
  const Shape shape = Golden(row.file).at(std::string(row.name) + ".x").shape();
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const std::unique_ptr<Module> layer = row.make();
    layer->infer_shapes(shape, device);
    if (layer->first_not_replayable()) GTEST_SKIP() << "does not say that it is replayable";
    const std::vector<Tensor> parameters = layer->parameters();
    SGD optimizer({.lr = 0.1});
    if (!parameters.empty()) optimizer.attach(parameters);
    const auto step = [&](const std::vector<Tensor>& in) {
      if (!parameters.empty()) optimizer.zero_grad();
      Tensor x = in[0].clone().set_requires_grad();
      const Tensor y = (*layer)(x);
      y.backward(y.detach());
      std::vector<Tensor> results = {y.detach(), x.grad()};
      for (const Tensor& parameter : parameters) results.push_back(parameter.grad().clone());
      return results;
    };
    CapturedStep captured(device, step);
    for (int i = 0; i < 5; ++i) {
      Generator random(static_cast<uint64_t>(i));
      const Tensor x = randn(shape, 0, 1, DType::f32, kCpu, random).to(device);
      const std::vector<Tensor> got = captured({x}), want = step({x});
      for (size_t k = 0; k < want.size(); ++k) {
        EXPECT_EQ(got[k].to_vector<float>(), want[k].to_vector<float>()) << i << ' ' << k;
      }
    }
    EXPECT_EQ(captured.reason(), "");
    EXPECT_GT(captured.kernels(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ReplayableLayers, testing::ValuesIn(layer_cases()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace dlengine::test
