// Trainer::evaluate and predict against loops by hand.
#include <gtest/gtest.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

/// A training whose network saw its input shape.
struct Trained : SmallTraining {
  Trained() { trainer.fit(data, {.epochs = 2, .batch_size = 8}); }
  TensorDataset data = three_clouds();
};

TEST(Evaluate, EqualsALoopByHand) {
  Trained run;
  const Metrics metrics = run.trainer.evaluate(run.data, 8);
  run.net.eval();
  double loss = 0, hits = 0;
  for (int64_t first = 0; first < 30; first += 8) {
    const Tensor y = run.data.y().slice(0, first, first + 8);
    const Tensor output = run.net(run.data.x().slice(0, first, first + 8));
    loss += cross_entropy(output, y).item<double>() * double(y.numel());
    hits += sum(equal(argmax(output, 1), y)).item<double>();
  }
  EXPECT_EQ(metrics.loss, loss / 30);
  EXPECT_EQ(metrics.accuracy, hits / 30);
  EXPECT_EQ(metrics.samples, 30);
  EXPECT_GT(metrics.seconds, 0);
}

TEST(Evaluate, ChangesNothing) {
  Trained run;
  const std::vector<float> before = weights(run.net);
  const Generator::State random = default_generator().state();
  run.trainer.evaluate(run.data);
  EXPECT_EQ(weights(run.net), before);
  EXPECT_EQ(default_generator().state(), random);
}

TEST(Evaluate, LeavesEveryModuleInItsMode) {
  Trained run;
  run.net.train();
  run.net[2].eval();  // a dropout that somebody switched off
  run.trainer.evaluate(run.data);
  run.trainer.predict(run.data);
  EXPECT_TRUE(run.net.training());
  EXPECT_TRUE(run.net[0].training());
  EXPECT_FALSE(run.net[2].training());
}

TEST(Evaluate, LeavesModesAloneWhenItFails) {
  Trained run;
  const TensorDataset wrong(zeros({4, 5}), zeros({4}, DType::i64));
  EXPECT_THROW(run.trainer.evaluate(wrong), ShapeError);
  EXPECT_TRUE(run.net.training());
  EXPECT_TRUE(grad_enabled());
}

TEST(Evaluate, WorksBeforeTraining) {
  SmallTraining run;
  EXPECT_EQ(run.trainer.evaluate(three_clouds()).samples, 30);
  run.trainer.fit(three_clouds());  // and training afterwards
}

TEST(Predict, EqualsTheModelBatchByBatch) {
  Trained run;
  const Tensor outputs = run.trainer.predict(run.data, 7);
  run.net.eval();
  std::vector<Tensor> parts;
  for (int64_t first = 0; first < 30; first += 7)
    parts.push_back(run.net(run.data.x().slice(0, first, first + 7)));
  EXPECT_EQ(outputs.shape(), (Shape{30, 3}));
  EXPECT_EQ(outputs.to_vector<float>(), concat(parts).to_vector<float>());
  EXPECT_FALSE(outputs.requires_grad());
}

TEST(Predict, TakesATensorAsTensorDatasetDoes) {
  Trained run;
  EXPECT_EQ(run.trainer.predict(run.data.x(), 7).to_vector<float>(),
            run.trainer.predict(run.data, 7).to_vector<float>());
  const Tensor bytes = from_vector<uint8_t>({0, 255, 51, 102}, {2, 2});
  const TensorDataset scaled(bytes, zeros({2}, DType::i64));
  EXPECT_EQ(run.trainer.predict(bytes).to_vector<float>(), run.trainer.predict(scaled).to_vector<float>());
}

TEST(Inference, RefusesWhatMakesNoSense) {
  Trained run;
  const TensorDataset nothing(zeros({0, 2}), zeros({0}, DType::i64));
  expect_throw<ValueError>([&] { run.trainer.evaluate(nothing); }, {"evaluate: the data set is empty"});
  expect_throw<ValueError>([&] { run.trainer.predict(nothing); }, {"predict: the data set is empty"});
  expect_throw<ValueError>([&] { run.trainer.evaluate(run.data, 0); },
                           {"evaluate: need batch_size >= 1, got 0"});
  expect_throw<ShapeError>([&] { run.trainer.predict(Tensor()); },
                           {"predict: need samples x [N, ...], got an undefined tensor"});
  expect_throw<ShapeError>([&] { run.trainer.predict(scalar(1)); },
                           {"predict: need samples", "got one number"});
  expect_throw<ValueError>([&] { run.trainer.predict(run.data, -1); },
                           {"predict: need batch_size >= 1, got -1"});
}

}  // namespace
}  // namespace dlengine::test
