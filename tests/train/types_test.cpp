// Models that are not f32, and models that a trainer must not call with zeros of f32.
#include <gtest/gtest.h>

#include "dlengine/core/ops.h"
#include "dlengine/train/doctor.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

TensorDataset clouds_of(DType dtype) {
  const TensorDataset data = three_clouds();
  return {data.x().to(dtype), data.y()};
}

TrainerOptions on(Device device) {
  TrainerOptions options = quiet();
  options.device = device;
  return options;
}

TEST(Types, AModelOfDoublesIsTrained) {
  const TensorDataset data = clouds_of(DType::f64);
  for (const Device device : devices()) {
    for (const bool complete : {false, true}) {
      SCOPED_TRACE(to_string(device));
      manual_seed(1);
      Sequential net = small_net();
      if (complete) net.infer_shapes({1, 2});
      net.to(DType::f64);
      Adam optimizer({.lr = 0.01});
      Trainer trainer(net, CrossEntropyLoss(), optimizer, on(device));
      Doctor doctor(net);
      const History history = trainer.fit(
          data, {.epochs = 20, .batch_size = 8, .validation = &data, .doctor = complete ? &doctor : nullptr});
      EXPECT_LT(history.epochs.back().train.loss, 0.7 * history.epochs.front().train.loss);
      for (const Tensor& parameter : net.parameters()) EXPECT_EQ(parameter.dtype(), DType::f64);
      EXPECT_EQ(trainer.predict(data.x()).dtype(), DType::f64);
      EXPECT_EQ(trainer.evaluate(data).loss, trainer.evaluate(data).loss);
    }
  }
}

TEST(Types, AModelOf16BitsIsEvaluated) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f16, DType::bf16}) {
      SCOPED_TRACE(to_string(device) + (dtype == DType::f16 ? " f16" : " bf16"));
      manual_seed(1);
      Sequential net(Linear({.in_features = 2, .out_features = 3}));
      net.to(dtype);
      SGD optimizer;
      Trainer trainer(net, CrossEntropyLoss(), optimizer, on(device));
      const TensorDataset data = clouds_of(dtype);
      const Tensor outputs = trainer.predict(data.x());
      EXPECT_EQ(outputs.dtype(), dtype);
      const double expected = cross_entropy(outputs.to(DType::f64), data.y()).item<double>();
      const double eps = dtype == DType::f16 ? 0x1p-11 : 0x1p-8;  // of the loss itself, and of its logits
      EXPECT_NEAR(trainer.evaluate(data).loss, expected, 2 * eps * (1 + expected));
    }
  }
}

/// Takes tokens, and does not say so.
class TokenNet final : public Module {
 public:
  std::string_view type_name() const override { return "TokenNet"; }
  Tensor forward(const Tensor& x) override { return linear_(mean(embedding_(x), {.axes = {1}})); }
  void visit(ModuleVisitor& visitor) override {
    visitor.child("embedding", embedding_);
    visitor.child("linear", linear_);
  }

 private:
  Embedding embedding_{{.num_embeddings = 4, .embedding_dim = 3}};
  Linear linear_{{.out_features = 4}};
};

TEST(Types, TheFirstSampleIsWhatCompletesAModel) {
  for (const Device device : devices()) {
    const TensorDataset data(from_vector<int64_t>({0, 1, 2, 3, 3, 0}, {3, 2}),
                             from_vector<int64_t>({0, 1, 3}, {3}));
    TokenNet net;
    Adam optimizer;
    Trainer trainer(net, CrossEntropyLoss(), optimizer, on(device));
    EXPECT_EQ(trainer.predict(data).shape(), (Shape{3, 4}));
    EXPECT_EQ(trainer.fit(data).epochs.size(), 1u);
  }
}

/// Counts its calls.
class Counting final : public Module {
 public:
  explicit Counting(int& calls) : calls_(calls) {}
  std::string_view type_name() const override { return "Counting"; }
  Tensor forward(const Tensor& x) override {
    ++calls_;
    return linear_(x);
  }
  void visit(ModuleVisitor& visitor) override { visitor.child("linear", linear_); }

 private:
  int& calls_;
  Linear linear_{{.in_features = 2, .out_features = 3}};
};

TEST(Types, ACompleteModelIsNotCalledBeforehand) {
  int calls = 0;
  Counting net(calls);
  SGD optimizer;
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  trainer.evaluate(three_clouds(), 10);
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace dlengine::test
