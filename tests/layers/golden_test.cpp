// Every layer and loss against PyTorch's stored numbers, and in every floating type against itself in f64.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "dlengine/core/autograd.h"
#include "tests/golden/golden.h"
#include "tests/layers/layer_cases.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

const Golden& golden(const std::string& file = "layers.safetensors") {
  static std::map<std::string, Golden> files;
  return files.try_emplace(file, file).first->second;
}

// Results of a forward and a backward pass in training mode, and of a forward pass in evaluation mode.
struct Results {
  NdArray y, dx, eval;
  std::vector<std::pair<std::string, NdArray>> gradients, buffers;
};

struct Place {
  DType dtype;
  Device device;
};

// The layer with the stored values, rounded to `rounding`, computed in place.dtype.
Results run(const LayerCase& row, const Place& place, DType rounding) {
  const auto input = [&](const char* name) {
    return golden(row.file).at(std::string(row.name) + name).to(rounding).to(place.dtype).to(place.device);
  };
  const std::unique_ptr<Module> layer = row.make();
  Tensor x = input(".x").detach();
  layer->infer_shapes(x.shape(), place.dtype, place.device);
  NamedTensors state;
  for (const auto& [name, value] : golden(row.file).under(std::string(row.name) + ".state.")) {
    state.emplace_back(name, is_floating(value.dtype()) ? value.to(rounding) : value);
  }
  layer->load_state(state);
  x.set_requires_grad();
  const Tensor y = (*layer)(x);
  y.backward(input(".dy"));
  Results results{.y = to_ndarray(y), .dx = to_ndarray(x.grad()), .eval = {}, .gradients = {}, .buffers = {}};
  for (const auto& [name, tensor] : layer->named_parameters()) {
    results.gradients.emplace_back(name, to_ndarray(tensor.grad()));
  }
  for (const auto& [name, tensor] : layer->named_buffers())
    results.buffers.emplace_back(name, to_ndarray(tensor));
  layer->eval();
  results.eval = to_ndarray((*layer)(x));
  return results;
}

// The largest product of two numbers that is summed here: normal values of up to 3, weights of up to 1.
constexpr double kMagnitude = 4;

class LayerTest : public testing::TestWithParam<LayerCase> {};

TEST_P(LayerTest, AgreesWithPyTorch) {
  const LayerCase& row = GetParam();
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      SCOPED_TRACE(to_string(device) + " " + std::string(name(dtype)));
      const Results got = run(row, {dtype, device}, DType::f64);
      // One more rounding per term in f32: the stored inputs are f64.
      const Tolerance close =
          tolerance(dtype, {.terms = row.terms, .roundings = row.terms, .magnitude = kMagnitude});
      const std::string prefix = row.name;
      expect_close(got.y, to_ndarray(golden(row.file).at(prefix + ".y")), close);
      expect_close(got.dx, to_ndarray(golden(row.file).at(prefix + ".dx")), close);
      expect_close(got.eval, to_ndarray(golden(row.file).at(prefix + ".eval")), close);
      for (const auto& [name, gradient] : got.gradients) {
        SCOPED_TRACE(name);
        expect_close(gradient, to_ndarray(golden(row.file).at(prefix + ".grad." + name)), close);
      }
      for (const auto& [name, buffer] : got.buffers) {
        SCOPED_TRACE(name);
        expect_close(buffer, to_ndarray(golden(row.file).at(prefix + ".after." + name)), close);
      }
      EXPECT_EQ(got.gradients.size(), golden(row.file).under(prefix + ".grad.").size());
    }
  }
}

TEST_P(LayerTest, AgreesWithF64InEveryFloatingType) {
  const LayerCase& row = GetParam();
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
      SCOPED_TRACE(to_string(device) + " " + std::string(name(dtype)));
      const Results want = run(row, {DType::f64, kCpu}, dtype);
      const Results got = run(row, {dtype, device}, dtype);
      // A network of ten layers rounds every value in between.
      const double roundings = row.make == make_network ? 20 : 2;
      const Tolerance close =
          tolerance(dtype, {.terms = row.terms, .roundings = roundings, .magnitude = kMagnitude});
      expect_close(got.y, want.y, close);
      expect_close(got.dx, want.dx, close);
      expect_close(got.eval, want.eval, close);
      for (size_t i = 0; i < want.gradients.size(); ++i) {
        SCOPED_TRACE(want.gradients[i].first);
        expect_close(got.gradients[i].second, want.gradients[i].second, close);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LayerTest, testing::ValuesIn(layer_cases()),
                         [](const auto& row) { return std::string(row.param.name); });

Tensor as(const std::string& name, const Place& place, const std::string& file = "layers.safetensors") {
  const Tensor stored = golden(file).at(name);
  return (is_floating(stored.dtype()) ? stored.to(place.dtype) : stored).to(place.device);
}

TEST(Losses, AgreeWithPyTorch) {
  const std::pair<const char*, Reduction> reductions[] = {
      {"mean", Reduction::mean}, {"sum", Reduction::sum}, {"none", Reduction::none}};
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const auto& [reduction_name, reduction] : reductions) {
        for (const std::string kind : {"classes", "soft", "mse"}) {
          const std::string name = "loss." + kind + "." + reduction_name;
          SCOPED_TRACE(name);
          const Place place{dtype, device};
          const bool mse = kind == "mse";
          Tensor x = as(mse ? "loss.values" : "loss.logits", place).clone().set_requires_grad();
          const Tensor target = as(mse ? "loss.target" : "loss." + kind, place);
          const Tensor loss = mse ? MSELoss(reduction)(x, target) : CrossEntropyLoss(reduction)(x, target);
          const Tolerance close = tolerance(dtype, {.terms = 20, .roundings = 2, .magnitude = kMagnitude});
          expect_close(loss, to_ndarray(golden().at(name)), close);
          const bool weighted = !mse && reduction == Reduction::none;
          loss.backward(weighted ? as("loss.weight", place) : ones_like(loss));
          expect_close(x.grad(), to_ndarray(golden().at(name + ".dx")), close);
        }
      }
    }
  }
}

TEST(Unpool, AgreesWithPyTorch) {
  const std::pair<std::string, Pool2dParams> rows[] = {{"unpool", {.kernel = 2}},
                                                       {"unpool_size", {.kernel = 2}},
                                                       {"unpool_strided", {.kernel = {2, 1}, .stride = 3}}};
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const auto& [name, params] : rows) {
        SCOPED_TRACE(name + " " + to_string(device));
        const auto stored = [&, name = name](const char* what) {
          return as(name + what, {dtype, device}, "cnn.safetensors");
        };
        const Tensor x = stored(".x");
        const auto [pooled, indices] = MaxPool2d(params).with_indices(x);
        expect_same(pooled, to_ndarray(stored(".pooled")));
        expect_same(indices, to_ndarray(stored(".indices")));
        Tensor values = stored(".values").clone().set_requires_grad();
        const bool sized = name != "unpool";
        const Tensor y = MaxUnpool2d(params)(values, indices, sized ? Size2(x.dim(2), x.dim(3)) : Size2(0));
        expect_same(y, to_ndarray(stored(".y")));
        y.backward(stored(".dy"));
        expect_same(values.grad(), to_ndarray(stored(".dvalues")));
      }
    }
  }
}

}  // namespace
}  // namespace dlengine::test
