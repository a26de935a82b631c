// The program predict, on weights that a demo saved in the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "dlengine/core/factory.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/data/images.h"
#include "dlengine/data/synthetic_digits.h"
#include "dlengine/layers/layers.h"
#include "dlengine/layers/trace.h"
#include "tests/apps/process.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class Predict : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    trained_ = run(
        {"mnist_mlp", {"--dataset", "synthetic", "--limit", "2000", "--save", weights(), "--device", "cpu"}});
    const ImageDataset digits = synthetic_digits({.train = 10, .test = 0});
    write_pgm(*dir_ / "digit.pgm", digits.train.x().select(0, 3).select(0, 0).clone());
    write_pgm(*dir_ / "large.pgm", zeros({30, 28}, DType::u8));
  }
  static void TearDownTestSuite() { delete dir_; }
  static std::string weights() { return *dir_ / "weights"; }
  void SetUp() override { ASSERT_EQ(trained_.code, 0) << trained_.err; }

  static Finished predict(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--load", weights(), "--device", "cpu"});
    return run({"predict", arguments});
  }

  static inline TempDir* dir_ = nullptr;
  static inline Finished trained_;
};

TEST_F(Predict, DrawsTheDigitAndItsProbabilities) {
  const Finished result = predict({*dir_ / "digit.pgm"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 28 + 10 + 1) << result.out;
  EXPECT_THAT(result.out, ContainsRegex("@"));
  EXPECT_THAT(result.out, ContainsRegex("\n +0 +[0-9.]+ % "));
  EXPECT_THAT(result.out, ContainsRegex("\nprediction: [0-9] \\([0-9.]+ %\\)\n$"));
}

TEST_F(Predict, TakesImagesOfTheTestSetWithTheirLabel) {
  const Finished result = predict({"--index", "5"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("data: "));
  EXPECT_THAT(result.out, ContainsRegex("\nprediction: [0-9] \\([0-9.]+ %\\), label: [0-9]\n$"));
}

TEST_F(Predict, InvertsDarkOnLight) {
  const Tensor digit = read_image(*dir_ / "digit.pgm");
  std::vector<uint8_t> pixels = digit.to_vector<uint8_t>();
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(255 - pixel);
  write_pgm(*dir_ / "inverted.pgm", from_vector(pixels, {28, 28}));
  EXPECT_EQ(predict({"--invert", *dir_ / "inverted.pgm"}).out, predict({*dir_ / "digit.pgm"}).out);
}

TEST_F(Predict, TakesAGraphOfTheNetwork) {
  const Finished printed = run({"dlengine",
                                {"graph", weights(), "--device", "cpu", "--save", *dir_ / "graph", "--dot",
                                 *dir_ / "dot", "--svg", *dir_ / "svg"}});
  ASSERT_EQ(printed.code, 0) << printed.err;
  EXPECT_THAT(printed.out,
              HasSubstr("linear(x as [N, 784], fc1.weight [512, 784], fc1.bias [512], activation relu)"));
  EXPECT_EQ(run({"dlengine", {"graph", *dir_ / "graph", "--device", "cpu"}}).out, printed.out);
  EXPECT_THAT(read_bytes(*dir_ / "dot"), testing::StartsWith("digraph {"));
  EXPECT_THAT(read_bytes(*dir_ / "svg"), testing::StartsWith("<svg "));
  const Finished by_weights = predict({*dir_ / "digit.pgm"});
  const Finished by_graph =
      run({"predict", {"--load", *dir_ / "graph", "--device", "cpu", *dir_ / "digit.pgm"}});
  EXPECT_EQ(by_graph.code, 0) << by_graph.err;
  EXPECT_EQ(by_graph.out, by_weights.out);
}

TEST_F(Predict, TheGraphCommandRunsOnTensorsOfAFile) {
  save_safetensors(*dir_ / "inputs", {{"x", zeros({2, 1, 28, 28})}});
  const Finished result =
      run({"dlengine", {"graph", weights(), "--device", "cpu", "--run", *dir_ / "inputs"}});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, testing::StartsWith("y =\n[["));
  EXPECT_THAT(result.out, HasSubstr("f32 [2, 10] on cpu"));
  save_safetensors(*dir_ / "others", {{"z", zeros({2})}});
  const Finished missing =
      run({"dlengine", {"graph", weights(), "--device", "cpu", "--run", *dir_ / "others"}});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, HasSubstr("has no tensor \"x\": the graph needs it, f32 [N, 1, 28, 28]"));
  EXPECT_EQ(run({"dlengine", {"graph"}}).code, 2);
  EXPECT_EQ(run({"dlengine", {"graph", *dir_ / "digit.pgm", "--device", "cpu"}}).code, 1);
}

TEST_F(Predict, RefusesWhatItCannotUse) {
  EXPECT_EQ(predict({}).code, 2);
  EXPECT_EQ(predict({"--index", "0", *dir_ / "digit.pgm"}).code, 2);
  EXPECT_EQ(run({"predict", {"--load", weights(), "--index", "0", "--device", "gpu"}}).code, 2);
  EXPECT_EQ(run({"dlengine", {"graph", weights(), "--device", "gpu"}}).code, 2);
  const Finished large = predict({*dir_ / "large.pgm"});
  EXPECT_EQ(large.code, 1);
  EXPECT_THAT(large.err, HasSubstr("is 28 x 30 pixels: need 28 x 28"));
  const Finished far = predict({"--index", "10000"});
  EXPECT_EQ(far.code, 1);
  EXPECT_THAT(far.err, HasSubstr("the test set has images 0 .. 9999"));
}

TEST_F(Predict, RefusesNetworksThatGiveNoProbabilities) {
  const SafetensorsFile good = load_safetensors(weights());
  Sequential scores{Flatten(), Linear({.out_features = 5})};
  trace(scores, {1, 1, 28, 28}).save(*dir_ / "five", good.metadata);
  const Finished five = run({"predict", {"--load", *dir_ / "five", *dir_ / "digit.pgm", "--device", "cpu"}});
  EXPECT_EQ(five.code, 1);
  EXPECT_THAT(five.err, HasSubstr("the graph gives [1, 5], need a score for each of 10 classes"));

  NamedTensors tensors = good.tensors;
  for (auto& [name, tensor] : tensors) tensor = full_like(tensor, std::nan(""));
  save_safetensors(*dir_ / "nan", tensors, good.metadata);
  const Finished nan = run({"predict", {"--load", *dir_ / "nan", *dir_ / "digit.pgm", "--device", "cpu"}});
  EXPECT_EQ(nan.code, 1);
  EXPECT_THAT(nan.err, HasSubstr("the network gives NaN for this image"));
}

TEST_F(Predict, TakesTheSizeOfTheImageFromTheGraph) {
  const std::map<std::string, std::string> classes = {
      {"classes", load_safetensors(weights()).metadata.at("classes")}};
  const auto with = [](const std::string& name, const std::string& image) {
    return run({"predict", {"--load", *dir_ / name, *dir_ / image, "--device", "cpu"}});
  };
  Sequential net{Flatten(), Linear({.out_features = 10})};
  trace(net, {1, 1, 30, 28}).save(*dir_ / "larger", classes);
  const Finished large = with("larger", "large.pgm");
  EXPECT_EQ(large.code, 0) << large.err;
  EXPECT_THAT(large.out, ContainsRegex("\nprediction: [0-9] "));
  EXPECT_THAT(with("larger", "digit.pgm").err, HasSubstr("is 28 x 28 pixels: need 28 x 30"));

  Sequential rows{Linear({.out_features = 10})};
  trace(rows, {1, 4}).save(*dir_ / "rows", classes);
  const Finished refused = with("rows", "digit.pgm");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("the graph takes f32 [N, 4], need images, f32 [N, 1 or 3, H, W]"));
}

TEST_F(Predict, RefusesWeightsThatDoNotSayTheirNetwork) {
  save_safetensors(*dir_ / "bare", load_safetensors(weights()).tensors);
  const Finished result = run({"predict", {"--load", *dir_ / "bare", *dir_ / "digit.pgm"}});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("does not say its model"));
}

}  // namespace
}  // namespace dlengine::test
