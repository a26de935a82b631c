// Names, state, modes, moving and late creation of parameters.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

// A model as users write them: named children, tied weights and a buffer of its own.
class TiedModel final : public Module {
 public:
  TiedModel() : encoder_({.in_features = 3, .out_features = 3}), norm_({.num_features = 3}) {}
  std::string_view type_name() const override { return "TiedModel"; }
  Tensor forward(const Tensor& x) override { return linear(norm_(encoder_(x)), weight_, {}) * scale_; }
  void build() override {
    if (weight_.defined()) return;
    encoder_.build();
    for (const auto& [name, tensor] : encoder_.named_parameters()) {
      if (name == "weight") weight_ = tensor;
    }
    scale_ = ones({1});
  }
  void visit(ModuleVisitor& visitor) override {
    visitor.parameter("decoder", weight_);
    visitor.buffer("scale", scale_);
    visitor.child("encoder", encoder_);
    visitor.child("norm", norm_);
  }

 private:
  Linear encoder_;
  BatchNorm1d norm_;
  Tensor weight_, scale_;
};

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> found;
  for (const auto& [name, tensor] : tensors) found.push_back(name);
  return found;
}

std::vector<std::vector<double>> values(Module& module) {
  std::vector<std::vector<double>> found;
  for (const auto& [name, tensor] : module.state()) found.push_back(tensor.to_vector<double>());
  return found;
}

Sequential small_net() {
  return Sequential(Linear({.in_features = 4, .out_features = 3}), BatchNorm1d({.num_features = 3}),
                    Dropout(0.5), Linear({.in_features = 3, .out_features = 2, .bias = false}));
}

using Names = std::vector<std::string>;

TEST(Module, NamesFollowPyTorch) {
  Sequential net = small_net();
  EXPECT_EQ(names(net.named_parameters()), (Names{"0.weight", "0.bias", "1.weight", "1.bias", "3.weight"}));
  EXPECT_EQ(names(net.named_buffers()), (Names{"1.running_mean", "1.running_var"}));
  EXPECT_EQ(names(net.state()), (Names{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                                       "1.running_var", "3.weight"}));
  EXPECT_EQ(net.parameter_count(), 12 + 3 + 3 + 3 + 6);
  for (const Tensor& parameter : net.parameters()) EXPECT_TRUE(parameter.requires_grad());
}

TEST(Module, CountsTiedParametersOnceButSavesBothNames) {
  TiedModel model;
  EXPECT_EQ(names(model.named_parameters()), (Names{"decoder", "encoder.bias", "norm.weight", "norm.bias"}));
  EXPECT_EQ(model.parameter_count(), 9 + 3 + 3 + 3);
  const Names saved = names(model.state());
  EXPECT_NE(std::find(saved.begin(), saved.end(), "encoder.weight"), saved.end());
  Tensor x = ones({2, 3});
  sum(model(x)).backward();
  for (const Tensor& parameter : model.parameters()) EXPECT_TRUE(parameter.grad().defined());
}

TEST(Module, ListsModulesParentsFirst) {
  TiedModel model;
  Names paths;
  for (const NamedModule& below : model.modules()) paths.push_back(below.path);
  EXPECT_EQ(paths, (Names{"", "encoder", "norm"}));
}

TEST(Module, LoadStateRestoresEveryValue) {
  manual_seed(1);
  Sequential a = small_net(), b = small_net();
  a.parameters();
  EXPECT_NE(values(a), values(b));
  b.load_state(a.state());
  EXPECT_EQ(values(a), values(b));
}

TEST(Module, LoadStateNamesWhatIsMissingAndUnexpectedAndChangesNothing) {
  Sequential net = small_net();
  const auto before = values(net);
  NamedTensors state;
  for (const auto& [name, tensor] : net.state()) state.emplace_back(name, zeros_like(tensor));
  state[0].first = "0.wait";
  expect_throw<ValueError>([&] { net.load_state(state); },
                           {"load_state", "missing: [0.weight]", "unexpected: [0.wait]", "given twice: []"});
  state[0].first = "0.bias";
  expect_throw<ValueError>([&] { net.load_state(state); }, {"missing: [0.weight]", "given twice: [0.bias]"});
  state[0] = {"0.weight", zeros({4, 3})};
  expect_throw<ShapeError>([&] { net.load_state(state); }, {"0.weight is [3, 4]", "[4, 3]"});
  state[0] = {"0.weight", zeros({3, 4}, DType::i64)};
  expect_throw<DTypeError>([&] { net.load_state(state); }, {"0.weight", "i64"});
  EXPECT_EQ(values(net), before);
}

TEST(Module, LoadStateThatIsNotStrictKeepsWhatHasNoValues) {
  for (const Device device : devices()) {
    manual_seed(1);
    Sequential net = small_net();
    net.to(device);
    const auto fresh = values(net);
    NamedTensors state;
    for (const auto& [name, tensor] : net.state()) {
      state.emplace_back(name, full(tensor.shape(), 7, DType::f64));
    }
    state[0].first = "stem.weight";     // for 0.weight
    state[6].second = full({5, 3}, 7);  // a head for other classes
    state.emplace_back("old.bias", zeros({1}));
    state.emplace_back("1.num_batches_tracked", full({}, 7, DType::i64));
    const LoadResult result = net.load_state(state, {.strict = false});
    EXPECT_EQ(result.missing_keys, Names{"0.weight"});
    EXPECT_EQ(result.unexpected_keys, (Names{"old.bias", "stem.weight"}));
    EXPECT_EQ(result.mismatched_keys, Names{"3.weight"});
    const auto loaded = values(net);
    for (size_t i = 0; i < loaded.size(); ++i) {
      const bool kept = i == 0 || i == 6;
      EXPECT_EQ(loaded[i], kept ? fresh[i] : std::vector<double>(fresh[i].size(), 7)) << i;
    }
  }
}

TEST(Module, LoadStateThatIsNotStrictPassesNothingOverThatFits) {
  manual_seed(1);
  Sequential a = small_net(), b = small_net();
  a.parameters();
  for (const bool strict : {true, false}) {
    const LoadResult result = b.load_state(a.state(), {.strict = strict});
    EXPECT_TRUE(result.missing_keys.empty() && result.unexpected_keys.empty() &&
                result.mismatched_keys.empty());
    EXPECT_EQ(values(a), values(b));
  }
}

TEST(Module, LoadStateThatIsNotStrictRefusesWhatIsNoFit) {
  Sequential net = small_net();
  const auto before = values(net);
  NamedTensors prefixed, twice, integers;
  for (const auto& [name, tensor] : net.state()) {
    prefixed.emplace_back("module." + name, zeros_like(tensor));
    twice.emplace_back("0.bias", zeros({3}));
    integers.emplace_back(name, tensor.to(DType::i64));
  }
  const auto load = [&](const NamedTensors& state) { net.load_state(state, {.strict = false}); };
  expect_throw<ValueError>([&] { load(prefixed); },
                           {"load_state: nothing fits: the module has [0.weight, ", "[module.0.bias, "});
  expect_throw<ValueError>([&] { load({{"3.weight", zeros({3, 2})}}); }, {"of another shape: [3.weight]"});
  expect_throw<ValueError>([&] { load({}); }, {"there are values for []"});
  expect_throw<ValueError>([&] { load(twice); }, {"given twice: [0.bias, "});
  expect_throw<DTypeError>([&] { load(integers); }, {"0.weight", "i64", "floating"});
  EXPECT_EQ(values(net), before);
  Flatten none;
  EXPECT_EQ(none.load_state({{"weight", ones({1})}}, {.strict = false}).unexpected_keys, Names{"weight"});
}

TEST(Module, LoadStatePassesOverPyTorchsBatchCounters) {
  Sequential net = small_net();
  NamedTensors state = net.state();
  state.emplace_back("1.num_batches_tracked", full({}, 7, DType::i64));
  EXPECT_NO_THROW(net.load_state(state));
}

TEST(Module, LoadStateConvertsToTheModulesType) {
  Linear f32({.in_features = 2, .out_features = 2}), f64({.in_features = 2, .out_features = 2});
  f64.to(DType::f64);
  f64.load_state(f32.state());
  EXPECT_EQ(f64.parameters()[0].dtype(), DType::f64);
  EXPECT_EQ(values(f32), values(f64));
}

TEST(Module, ModesReachEveryModuleBelow) {
  Sequential net(small_net(), Dropout(0.1));
  net.eval();
  for (const NamedModule& below : net.modules()) EXPECT_FALSE(below.module->training()) << below.path;
  net.train();
  for (const NamedModule& below : net.modules()) EXPECT_TRUE(below.module->training()) << below.path;
}

TEST(Module, EvaluationModePutsEachModuleBackInItsOwnMode) {
  Sequential net = small_net();
  net[1].eval();
  {
    const EvaluationMode evaluation(net);
    EXPECT_FALSE(net.training());
    EXPECT_FALSE(net[0].training());
  }
  EXPECT_TRUE(net.training());
  EXPECT_TRUE(net[0].training());
  EXPECT_FALSE(net[1].training());
}

TEST(Module, EvaluationModesOfThreadsMayOverlap) {
  Sequential net = small_net();
  std::optional<EvaluationMode> first(net), second(net);
  first.reset();
  EXPECT_FALSE(net.training());
  EXPECT_FALSE(net[0].training());
  second.reset();
  EXPECT_TRUE(net.training());
  EXPECT_TRUE(net[0].training());
}

TEST(Module, TrainAndEvalInsideOfAnEvaluationModeHoldFromItsEndOn) {
  Sequential net = small_net();
  {
    const EvaluationMode evaluation(net);
    net.train();
    net[1].eval();
    EXPECT_FALSE(net.training());
  }
  EXPECT_TRUE(net.training());
  EXPECT_FALSE(net[1].training());
}

TEST(Module, ToMovesEveryHandleAndKeepsBatchNormInF32) {
  Sequential net = small_net();
  const Tensor weight = net.parameters()[0];
  net.to(DType::f64);
  EXPECT_EQ(weight.dtype(), DType::f64);
  EXPECT_TRUE(weight.requires_grad());
  net.to(DType::f16);
  for (const auto& [name, tensor] : net.state()) {
    EXPECT_EQ(tensor.dtype(), name.starts_with("1.") ? DType::f32 : DType::f16) << name;
  }
  EXPECT_EQ(net(rand({4, 4}, 0, 1, DType::f16)).dtype(), DType::f16);
  expect_throw<DTypeError>([&] { net.to(DType::i64); }, {"Module::to", "i64"});
}

TEST(Module, ToTheSamePlaceKeepsGradients) {
  Linear layer({.in_features = 2, .out_features = 1});
  sum(layer(ones({1, 2}))).backward();
  layer.to(kCpu);
  EXPECT_TRUE(layer.parameters()[0].grad().defined());
  layer.to(DType::f64);
  EXPECT_FALSE(layer.parameters()[0].grad().defined());
}

TEST(Module, SizesAreFoundAtTheFirstInput) {
  Sequential net(Conv2d({.out_channels = 4, .kernel = 3}), BatchNorm2d(), Flatten(),
                 Linear({.out_features = 5}));
  EXPECT_EQ(net[0].description(), "? -> 4, kernel 3x3");
  expect_throw<ValueError>([&] { net.parameters(); },
                           {"0.weight of Conv2d(? -> 4, kernel 3x3)", "infer_shapes"});
  net.infer_shapes({2, 3, 6, 5});
  EXPECT_EQ(net[0].description(), "3 -> 4, kernel 3x3");
  EXPECT_EQ(net[3].description(), "48 -> 5");
  EXPECT_EQ(net.state()[0].second.shape(), (Shape{4, 3, 3, 3}));
  EXPECT_EQ(net(ones({1, 3, 6, 5})).shape(), (Shape{1, 5}));
  EXPECT_TRUE(net.training());
}

TEST(Module, ParametersAreMadeInTheTypeOfTheFirstInput) {
  for (const Device device : devices()) {
    Linear layer({.out_features = 2});
    const Tensor y = layer(ones({1, 3}, DType::f64, device));
    EXPECT_EQ(y.dtype(), DType::f64);
    EXPECT_EQ(layer.parameters()[0].device(), device);
  }
}

TEST(Module, OneSeedGivesOneStartHoweverParametersAreMade) {
  const auto start = [](const std::function<void(Sequential&)>& make) {
    manual_seed(3);
    Sequential net(Linear({.in_features = 4, .out_features = 3}),
                   Linear({.in_features = 3, .out_features = 2}));
    make(net);
    return values(net);
  };
  const auto by_asking = start([](Sequential& net) { net.parameters(); });
  EXPECT_EQ(start([](Sequential& net) { net.infer_shapes({1, 4}); }), by_asking);
  EXPECT_EQ(start([](Sequential& net) { net.train(), net(ones({2, 4})); }), by_asking);
  EXPECT_EQ(start([](Sequential& net) { net.infer_shapes({1, 4}, DType::f64); }), by_asking);
  for (const Device device : accelerators()) {
    EXPECT_EQ(start([&](Sequential& net) { net.infer_shapes({1, 4}, device); }), by_asking);
  }
}

TEST(Module, ErrorsNameTheLayer) {
  Sequential net;
  net.add("features", Sequential(ReLU(), Linear({.in_features = 4, .out_features = 2})));
  expect_throw<ShapeError>(
      [&] {
        net(ones({2, 3}));
      },
      {"Sequential: layer features: Sequential: layer 1: Linear(4 -> 2): linear: ", "[2, 3]"});
  expect_throw<ValueError>([&] { net(Tensor()); }, {"Sequential: the input is undefined"});
  Linear lazy({.out_features = 2});
  expect_throw<DTypeError>([&] { lazy(ones({2, 3}, DType::u8)); }, {"Linear(? -> 2)", "u8", "floating"});
}

class WeightFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              (std::string("dlengine_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "weights.safetensors").string(); }

 private:
  std::filesystem::path folder_;
};

TEST_F(WeightFile, SaveAndLoadGiveTheSameBits) {
  manual_seed(4);
  Sequential a = small_net(), b = small_net();
  a(rand({5, 4}));  // moves the running statistics
  save_weights(a, path());
  load_weights(b, path());
  EXPECT_EQ(values(a), values(b));
}

TEST_F(WeightFile, AHeadOfAnotherSizeStaysAsItIs) {
  manual_seed(4);
  const auto net = [](int64_t classes) {
    return Sequential(Linear({.in_features = 4, .out_features = 3}), ReLU(),
                      Linear({.in_features = 3, .out_features = classes}));
  };
  Sequential ten = net(10), two = net(2);
  save_weights(ten, path());
  const auto fresh = values(two);
  const LoadResult result = load_weights(two, path(), {.strict = false});
  EXPECT_EQ(result.mismatched_keys, (Names{"2.weight", "2.bias"}));
  EXPECT_TRUE(result.missing_keys.empty() && result.unexpected_keys.empty());
  EXPECT_EQ(values(two)[0], values(ten)[0]);
  EXPECT_EQ(values(two)[2], fresh[2]);
  Conv2d other({.in_channels = 1, .out_channels = 1, .kernel = 3});
  expect_throw<ValueError>([&] { load_weights(other, path(), {.strict = false}); },
                           {path(), "nothing fits", "of another shape: []"});
}

TEST_F(WeightFile, ErrorsNameTheFile) {
  Linear layer({.in_features = 2, .out_features = 2});
  save_weights(layer, path());
  Linear other({.in_features = 3, .out_features = 2});
  expect_throw<ShapeError>([&] { load_weights(other, path()); }, {path(), "weight is [2, 3]", "[2, 2]"});
  std::ofstream(path()) << "no tensors";
  EXPECT_THROW(load_weights(layer, path()), IoError);
  EXPECT_THROW(load_weights(layer, path() + ".missing"), IoError);
}

// Types of the modules that are called.
struct Calls final : ForwardObserver {
  Names types;
  void called(Module& module, const Shape& input, const Shape& output) override {
    types.push_back(std::string(module.type_name()) + to_string(input) + to_string(output));
  }
};

TEST(ForwardObserver, IsToldOfEveryCallInnerOnesFirst) {
  Sequential net{Flatten(), ReLU()};
  Calls outer;
  {
    Calls inner;
    net(ones({1, 2, 3}));
    EXPECT_EQ(inner.types,
              (Names{"Flatten[1, 2, 3][1, 6]", "ReLU[1, 6][1, 6]", "Sequential[1, 2, 3][1, 6]"}));
    EXPECT_TRUE(outer.types.empty());
  }
  net[1](ones({1}));
  EXPECT_EQ(outer.types, (Names{"ReLU[1][1]"}));
}

}  // namespace
}  // namespace dlengine::test
