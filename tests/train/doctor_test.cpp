// Diseases of layers, planted in a small network, must be found; and a doctor must not change what it looks
// at.
#include "dlengine/train/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/doctor_support.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A doctor that looked at the untrained model once.
struct FirstLook {
  explicit FirstLook(Module& net) : doctor(net) {
    const Batch batch =
        digits().train.get(std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    doctor.examine(batch.x, batch.y, CrossEntropyLoss());
  }
  Doctor doctor;
};

// --- Diseases of layers ---

TEST(Doctor, FindsDeadUnits) {
  for (const Device device : devices()) {
    manual_seed(1);
    Sequential net = deep<ReLU>(2);
    set(net, "3.bias", full({32}, -100));
    SGD optimizer({.lr = 0.01});
    Doctor doctor(net);
    Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet_on(device));
    trainer.fit(digits().test, {.doctor = &doctor});
    ASSERT_TRUE(has(doctor, Symptom::dead_units)) << doctor.report();
    const Finding& dead = finding(doctor, Symptom::dead_units);
    EXPECT_EQ(dead.layer, "4");  // the second ReLU
    EXPECT_THAT(dead.saw, HasSubstr("100 % of its 32 ReLUs are 0 for every sample"));
    EXPECT_THAT(to_string(dead), HasSubstr("before the first epoch: dead units in 4: "));
    EXPECT_THAT(to_string(dead), HasSubstr("Try: "));
  }
}

TEST(Doctor, CountsDeadChannelsOfConvolutions) {
  manual_seed(1);
  Sequential net(Conv2d({.in_channels = 1, .out_channels = 4, .kernel = 3}), ReLU(), Flatten(),
                 Linear({.out_features = 10}));
  net.infer_shapes({1, 1, 28, 28});
  set(net, "0.bias", tensor({-100, -100, -100, 5}));
  FirstLook look(net);
  ASSERT_TRUE(has(look.doctor, Symptom::dead_units));
  EXPECT_THAT(finding(look.doctor, Symptom::dead_units).saw, HasSubstr("75 % of its 4 ReLUs"));
}

TEST(Doctor, FindsSaturatedUnits) {
  manual_seed(1);
  Sequential net = deep<Tanh>(2);
  draw_weights(net, 3);
  FirstLook look(net);
  ASSERT_TRUE(has(look.doctor, Symptom::saturated_units)) << look.doctor.report();
  EXPECT_THAT(finding(look.doctor, Symptom::saturated_units).saw, HasSubstr("of the outputs of this Tanh"));
  Sequential logistic = deep<Sigmoid>(2);
  draw_weights(logistic, 10);
  EXPECT_TRUE(has(FirstLook(logistic).doctor, Symptom::saturated_units));
}

TEST(Doctor, FindsVanishingGradients) {
  manual_seed(1);
  Sequential net = deep<Sigmoid>(8, Init::keras);
  FirstLook look(net);
  ASSERT_TRUE(has(look.doctor, Symptom::vanishing_gradients)) << look.doctor.report();
  EXPECT_EQ(finding(look.doctor, Symptom::vanishing_gradients).layer, "1.weight");
}

TEST(Doctor, FindsExplodingGradients) {
  manual_seed(1);
  Sequential net = deep<ReLU>(8);
  draw_weights(net, 1);
  FirstLook look(net);
  ASSERT_TRUE(has(look.doctor, Symptom::exploding_gradients)) << look.doctor.report();
  EXPECT_THAT(finding(look.doctor, Symptom::exploding_gradients).saw, HasSubstr("times that of the weight"));
}

TEST(Doctor, FindsInitialWeightsThatAreTooSmallOrTooLarge) {
  manual_seed(1);
  Sequential small = deep<ReLU>(5), large = deep<ReLU>(5);
  draw_weights(small, 0.01);
  draw_weights(large, 1);
  FirstLook at_small(small), at_large(large);
  EXPECT_TRUE(has(at_small.doctor, Symptom::shrinking_activations)) << at_small.doctor.report();
  EXPECT_TRUE(has(at_large.doctor, Symptom::growing_activations)) << at_large.doctor.report();
  EXPECT_THAT(at_large.doctor.report(), HasSubstr("initial weights too large"));
}

TEST(Doctor, FindsSymmetricUnits) {
  manual_seed(1);
  Sequential net = deep<Sigmoid>(1);
  draw_weights(net, 0);
  FirstLook look(net);
  ASSERT_TRUE(has(look.doctor, Symptom::symmetric_units)) << look.doctor.report();
  EXPECT_THAT(finding(look.doctor, Symptom::symmetric_units).saw,
              HasSubstr("all 32 units have the same weights"));
}

/// Gives NaN.
class Broken final : public Module {
 public:
  std::string_view type_name() const override { return "Broken"; }
  Tensor forward(const Tensor& x) override { return x * kNan; }
};

TEST(Doctor, NamesTheFirstLayerThatIsNotFinite) {
  manual_seed(1);
  Sequential net(Flatten(), Linear({.in_features = 784, .out_features = 8}), ReLU(), Broken(),
                 Linear({.in_features = 8, .out_features = 10}));
  FirstLook look(net);
  ASSERT_EQ(look.doctor.findings().size(), 1u) << look.doctor.report();
  EXPECT_EQ(look.doctor.findings()[0].layer, "3");
  EXPECT_THAT(look.doctor.findings()[0].saw,
              HasSubstr("this Broken is the first layer whose output is not finite"));
}

TEST(Doctor, NamesWeightsAndLossesThatAreNotFinite) {
  manual_seed(1);
  Sequential net = deep<ReLU>(1);
  const Batch batch = digits().train.get(std::vector<int64_t>{0, 1, 2});
  Doctor by_loss(net);
  by_loss.examine(batch.x, batch.y, [](const Tensor& output, const Tensor& target) {
    return cross_entropy(output, target) * kNan;
  });
  ASSERT_EQ(by_loss.findings().size(), 1u);
  EXPECT_THAT(by_loss.report(), HasSubstr("the loss is nan though all layers are finite"));
  draw_weights(net, kNan);
  Doctor by_weight(net);
  by_weight.examine(batch.x, batch.y, CrossEntropyLoss());
  ASSERT_EQ(by_weight.findings().size(), 1u);
  EXPECT_EQ(by_weight.findings()[0].layer, "1.weight");
}

TEST(Doctor, IsAskedWhereALossIsNotFinite) {
  Sequential net(Linear({.in_features = 2, .out_features = 3}));
  SGD optimizer({.lr = 1e300});
  Doctor doctor(net);
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  EXPECT_THROW(trainer.fit(three_clouds(), {.batch_size = 30, .doctor = &doctor}), ValueError);
  EXPECT_TRUE(has(doctor, Symptom::not_finite)) << doctor.report();
}

// --- Manners ---

std::vector<float> trained(Device device, bool with_doctor) {
  manual_seed(4);
  Sequential net(Linear({.in_features = 2, .out_features = 16}), BatchNorm1d({.num_features = 16}), ReLU(),
                 Dropout(0.2), Linear({.in_features = 16, .out_features = 3}));
  Doctor doctor(net);
  Adam optimizer({.lr = 0.01});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet_on(device));
  trainer.fit(three_clouds(56), {.epochs = 4, .batch_size = 8, .doctor = with_doctor ? &doctor : nullptr});
  return weights(net);
}

TEST(Doctor, ChangesNothing) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    EXPECT_EQ(trained(device, true), trained(device, false));
  }
}

TEST(Doctor, WorksAroundALoopOfOnesOwn) {
  manual_seed(1);
  Sequential net = small_net();
  net.infer_shapes({1, 2});
  SGD optimizer(net.parameters(), {.lr = 1e-7});
  const TensorDataset data = three_clouds();
  Doctor doctor(net);
  const CheckUp& first = doctor.examine(data.x(), data.y(), CrossEntropyLoss());
  EXPECT_EQ(first.layers.size(), 4u);
  EXPECT_EQ(first.weights.size(), 2u);
  EXPECT_GT(first.weights[0].gradient_norm, 0);
  EXPECT_FALSE(net.parameters()[0].grad().defined());
  for (int64_t epoch = 1; epoch <= 4; ++epoch) {
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(net(data.x()), data.y());
    loss.backward();
    doctor.before_update();
    optimizer.step();
    doctor.after_update();
    EpochRecord record;
    record.epoch = epoch;
    record.train = {.loss = loss.item<double>(), .samples = data.size()};
    doctor.observe(record);
  }
  EXPECT_TRUE(has(doctor, Symptom::rate_too_low)) << doctor.report();
  EXPECT_EQ(std::ranges::count(doctor.findings(), Symptom::rate_too_low, &Finding::symptom), 1);  // said once
}

TEST(Doctor, SaysWhatItFindsAmongTheProgress) {
  std::string written;
  TrainerOptions options;
  options.progress_to.write = [&](std::string_view text) { written += text; };
  options.progress_to.terminal = false;
  manual_seed(1);
  Sequential net = deep<Sigmoid>(1);
  draw_weights(net, 0);
  SGD optimizer({.lr = 0.01});
  Doctor doctor(net);
  Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
  trainer.fit(digits().test, {.doctor = &doctor});
  EXPECT_THAT(written, HasSubstr("doctor: before the first epoch: symmetric units in 1.weight: "));
}

TEST(Doctor, LooksOnlyAsOftenAsItIsAsked) {
  manual_seed(1);
  Sequential net = small_net();
  int calls = 0;
  const auto loss = [&](const Tensor& output, const Tensor& target) {
    ++calls;
    return cross_entropy(output, target);
  };
  Adam optimizer({.lr = 0.01});
  Doctor doctor(net, {.samples = 5, .every = 2});
  Trainer trainer(net, loss, optimizer, quiet());
  trainer.fit(three_clouds(), {.epochs = 4, .batch_size = 30, .doctor = &doctor});
  EXPECT_EQ(calls, 4 + 1 + 2);  // steps, before the first epoch, after epochs 2 and 4
}

TEST(Doctor, RefusesOptionsThatMakeNoSense) {
  Sequential net = small_net();
  expect_throw<ValueError>([&] { Doctor(net, {.samples = 0}); },
                           {"Doctor: need samples and every >= 1, got 0 and 1"});
  expect_throw<ValueError>([&] { Doctor(net, {.every = 0}); }, {"got 256 and 0"});
  Doctor doctor(net);
  expect_throw<ValueError>([&] { doctor.after_update(); }, {"need before_update() first"});
}

TEST(Doctor, HasAWordForEachSymptom) {
  for (int i = 0; i <= int(Symptom::underfitting); ++i)
    EXPECT_THAT(std::string(name(Symptom(i))), Not(HasSubstr("?")));
}

}  // namespace
}  // namespace dlengine::test
