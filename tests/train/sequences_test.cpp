// Networks on sequences and on tokens, through Trainer and Predictor: replayed steps give the bits of steps
// that run as usual.
#include <gtest/gtest.h>

#include <iterator>
#include <span>
#include <string_view>

#include "dlengine/core/autograd.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/captured_step.h"
#include "dlengine/train/predictor.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

struct SequenceModel {
  const char* name;
  Sequential (*make)();
};

// Each takes x [N, 5, 2] and gives [N, 3].
const SequenceModel kModels[] = {
    {"rnn",
     [] {
       return Sequential(RNN({.hidden_size = 6, .num_layers = 2, .dropout = 0.3, .return_sequences = false}),
                         Linear({.out_features = 3}));
     }},
    {"lstm",
     [] {
       return Sequential(LSTM({.hidden_size = 4, .bidirectional = true, .return_sequences = false}),
                         Linear({.out_features = 3}));
     }},
    {"gru",
     [] {
       return Sequential(GRU({.hidden_size = 4, .num_layers = 2}), Flatten(), Linear({.out_features = 3}));
     }},
    {"attention",
     [] {
       return Sequential(Linear({.out_features = 8}), PositionalEncoding({.max_length = 5, .dropout = 0.1}),
                         MultiheadAttention({.num_heads = 2, .dropout = 0.2, .causal = true}), Flatten(),
                         Linear({.out_features = 3}));
     }},
    {"residual",
     [] {
       return Sequential(Flatten(), Residual{Linear({.out_features = 10}), ReLU(), Dropout(0.2)},
                         Residual{Linear({.out_features = 4})}.shortcut(Linear({.out_features = 4})),
                         Linear({.out_features = 3}));
     }},
};

struct Outcome {
  std::vector<float> losses, weights;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome train(const SequenceModel& row, Device device, bool captured) {
  manual_seed(11);
  Sequential model = row.make();
  model.infer_shapes({1, 5, 2}, device);
  Adam optimizer({.lr = 0.01});
  optimizer.attach(model.parameters());
  const auto step = [&](const std::vector<Tensor>& in) {
    optimizer.zero_grad();
    Tensor loss = cross_entropy(model(in[0]), in[1]);
    loss.backward();
    optimizer.step();
    return std::vector{loss};
  };
  CapturedStep replayed(device, step);
  Outcome outcome;
  Generator inputs(3);
  for (int i = 0; i < 8; ++i) {
    const int64_t batch = i % 3 == 2 ? 2 : 4;  // two recordings
    const Tensor x = randn({batch, 5, 2}, 0, 1, DType::f32, kCpu, inputs).to(device);
    const Tensor y = rand({batch}, 0, 3, DType::f32, kCpu, inputs).to(DType::i64).to(device);
    outcome.losses.push_back((captured ? replayed({x, y}) : step({x, y}))[0].item<float>());
  }
  if (captured) {
    EXPECT_EQ(replayed.reason(), "");
    EXPECT_GT(replayed.kernels(), 0);
  }
  outcome.weights = weights(model);
  return outcome;
}

TEST(Sequences, ReplayedStepsHaveTheSameBits) {
  for (const Device device : devices()) {
    for (const SequenceModel& row : kModels) {
      SCOPED_TRACE(to_string(device) + " " + row.name);
      EXPECT_FALSE(row.make().first_not_replayable());
      EXPECT_EQ(train(row, device, true), train(row, device, false));
    }
  }
}

TEST(Sequences, APredictorGivesTheModelsResults) {
  for (const Device device : devices()) {
    for (const SequenceModel& row : kModels) {
      SCOPED_TRACE(to_string(device) + " " + row.name);
      manual_seed(12);
      Sequential model = row.make();
      Predictor predictor(model, device);
      for (int i = 0; i < 5; ++i) {
        const Tensor x = randn({3, 5, 2}).to(device);
        const NoGrad no_grad;
        const EvaluationMode mode(model);
        const std::vector<float> got = predictor(x).to_vector<float>();
        EXPECT_EQ(got, model(x).to_vector<float>());
      }
    }
  }
}

// 40 sequences of 6 tokens; the class is the first token's.
TensorDataset tokens() {
  std::vector<int64_t> x, y;
  for (int64_t i = 0; i < 40; ++i) {
    for (int64_t t = 0; t < 6; ++t) x.push_back((i * 7 + t * t * 3) % 4);
    y.push_back(x[static_cast<size_t>(6 * i)]);
  }
  return {from_vector(x, {40, 6}), from_vector(y, {40})};
}

Sequential token_net() {
  return Sequential(Embedding({.num_embeddings = 4, .embedding_dim = 3}),
                    LSTM({.hidden_size = 8, .return_sequences = false}), Linear({.out_features = 4}));
}

TEST(Sequences, TokensAreTrainedEvaluatedAndPredicted) {
  const TensorDataset data = tokens();
  for (const Device device : devices()) {
    const auto fit = [&](Replay replay) {
      manual_seed(13);
      Sequential net = token_net();
      Adam optimizer({.lr = 0.02});
      TrainerOptions options = quiet();
      options.device = device;
      options.replay = replay;
      Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
      trainer.fit(data, {.epochs = 30, .batch_size = 10});
      EXPECT_GT(trainer.evaluate(data).accuracy, 0.9);
      EXPECT_EQ(trainer.predict(data).shape(), (Shape{40, 4}));
      Predictor predictor(net, device);
      const Tensor x = from_vector<int64_t>({0, 1, 2, 3, 3, 1}, {1, 6});
      for (int i = 0; i < 5; ++i) EXPECT_EQ(predictor(x).shape(), (Shape{1, 4}));
      return weights(net);
    };
    EXPECT_EQ(fit(Replay::automatic), fit(Replay::never));
  }
}

/// Batches of 2, each of one length between 1 and 20.
class ManyLengths final : public Dataset {
 public:
  int64_t size() const override { return 40; }
  Batch get(std::span<const int64_t> indices) const override {
    const int64_t length = 1 + indices[0] / 2, n = std::ssize(indices);
    return {full({n, length}, double(length % 4), DType::i64), full({n}, double(length % 4), DType::i64)};
  }
};

TEST(Sequences, OfManyLengthsAreTrainedAndWhatIsNotReplayedIsSaidOnce) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const auto fit = [&](Replay replay, std::string& written) {
      manual_seed(14);
      Sequential net = token_net();
      net.infer_shapes({1, 2}, device);
      Adam optimizer({.lr = 0.02});
      TrainerOptions options;
      options.device = device;
      options.replay = replay;
      options.progress_to = {.write = [&](std::string_view text) { written += text; }};
      Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
      trainer.fit(ManyLengths(), {.epochs = 5, .batch_size = 2, .shuffle = false});
      return weights(net);
    };
    std::string written, nothing;
    EXPECT_EQ(fit(Replay::automatic, written), fit(Replay::never, nothing));
    const auto said = written.find("steps are not replayed: a step has inputs of more than 16 shapes");
    EXPECT_NE(said, std::string::npos) << written;
    EXPECT_EQ(written.find("not replayed", said + 20), std::string::npos) << written;
    EXPECT_EQ(nothing.find("not replayed"), std::string::npos);
  }
}

TEST(Sequences, ATokenOutOfRangeIsNamed) {
  const TensorDataset data(from_vector<int64_t>({0, 1, 2, 9}, {2, 2}), from_vector<int64_t>({0, 1}, {2}));
  for (const Device device : devices()) {
    Sequential net = token_net();
    Adam optimizer({.lr = 0.02});
    TrainerOptions options = quiet();
    options.device = device;
    Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
    expect_throw<ValueError>([&] { trainer.fit(data, {.epochs = 1}); }, {"9", "0 .. 3"});
  }
}

}  // namespace
}  // namespace dlengine::test
