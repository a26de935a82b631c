// Healthy trainings give no findings; those that go wrong in a known way give the right one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dlengine/core/ops.h"
#include "dlengine/train/doctor.h"
#include "tests/support/devices.h"
#include "tests/train/doctor_support.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;

// --- Healthy trainings ---

void expect_healthy(Module& net, Optimizer& optimizer, const Dataset& data, const FitOptions& options,
                    LossFunction loss = CrossEntropyLoss(), Device device = kCpu) {
  Doctor doctor(net);
  FitOptions with_doctor = options;
  with_doctor.doctor = &doctor;
  Trainer trainer(net, std::move(loss), optimizer, quiet_on(device));
  trainer.fit(data, with_doctor);
  EXPECT_TRUE(doctor.findings().empty()) << doctor.report();
  EXPECT_THAT(doctor.report(), HasSubstr("nothing found in"));
}

TEST(HealthyTraining, OfCloudsWithAdam) {
  for (const Device device : devices()) {
    const TensorDataset data = three_clouds(90), other = three_clouds(30);
    SmallTraining run;
    expect_healthy(run.net, run.optimizer, data, {.epochs = 20, .batch_size = 8, .validation = &other},
                   CrossEntropyLoss(), device);
  }
}

/// Enough of them that nothing is learnt by heart.
const ImageDataset& many_digits() {
  static const ImageDataset set = synthetic_digits({.train = 4000, .test = 500});
  return set;
}

TEST(HealthyTraining, OfDigitsWithFullyConnectedLayers) {
  for (const Init init : {Init::torch, Init::keras, Init::he}) {
    manual_seed(1);
    Sequential net = deep<ReLU>(2, init);
    SGD optimizer({.lr = 0.02, .momentum = 0.9});
    expect_healthy(net, optimizer, many_digits().train,
                   {.epochs = 5, .batch_size = 32, .validation = &many_digits().test});
  }
}

TEST(HealthyTraining, OfDigitsWithTanh) {
  manual_seed(1);
  Sequential net = deep<Tanh>(2, Init::keras);
  Adam optimizer({.lr = 3e-3});
  expect_healthy(net, optimizer, many_digits().train,
                 {.epochs = 5, .batch_size = 32, .validation = &many_digits().test});
}

TEST(HealthyTraining, OfDigitsWithConvolutionsBatchNormAndDropout) {
  manual_seed(1);
  Sequential net(Conv2d({.in_channels = 1, .out_channels = 8, .kernel = 3}), BatchNorm2d({.num_features = 8}),
                 ReLU(), MaxPool2d({.kernel = 4}), Dropout(0.1), Flatten(), Linear({.out_features = 10}));
  Adam optimizer({.lr = 4e-3});
  expect_healthy(
      net, optimizer, many_digits().train,
      {.epochs = 5, .batch_size = 32, .validation = &many_digits().test, .schedule = one_cycle_schedule()});
}

TEST(HealthyTraining, WithStepsOverSeveralBatches) {
  SmallTraining run;
  Doctor doctor(run.net);
  TrainerOptions options = quiet();
  options.accumulate = 3;
  Trainer trainer(run.net, CrossEntropyLoss(), run.optimizer, options);
  trainer.fit(three_clouds(90), {.epochs = 8, .batch_size = 8, .doctor = &doctor});
  EXPECT_TRUE(doctor.findings().empty()) << doctor.report();
}

TEST(HealthyTraining, OfFewSamplesWithAnAdamThatStartsSlowly) {
  manual_seed(1);
  const Tensor x = randn({64, 4});
  const TensorDataset data(x, argmax(x, 1));
  for (const int64_t width : {64, 256}) {
    Sequential net(Linear({.in_features = 4, .out_features = width}), ReLU(),
                   Linear({.in_features = width, .out_features = 4}));
    Adam optimizer({.lr = 0.01});
    expect_healthy(net, optimizer, data, {.epochs = 10, .batch_size = 32});
  }
}

TEST(HealthyTraining, OfALine) {
  const Tensor x = arange(-1, 1, 0.02).reshape({100, 1});
  const TensorDataset data(x, x * 3.0 + 1.0);
  manual_seed(1);
  Sequential net(Linear({.in_features = 1, .out_features = 1}));
  SGD optimizer({.lr = 0.1});
  expect_healthy(net, optimizer, data, {.epochs = 10, .batch_size = 10}, MSELoss());
}

// --- Diseases of the course ---

/// A training of the clouds at a rate, with or without a doctor's finding.
Doctor& train_clouds(Doctor& doctor, Sequential& net, double lr, int64_t epochs) {
  SGD optimizer({.lr = lr});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  trainer.fit(three_clouds(), {.epochs = epochs, .batch_size = 8, .doctor = &doctor});
  return doctor;
}

TEST(Doctor, FindsALearningRateThatIsTooLow) {
  manual_seed(1);
  Sequential net = small_net();
  Doctor doctor(net);
  train_clouds(doctor, net, 1e-6, 5);
  ASSERT_TRUE(has(doctor, Symptom::rate_too_low)) << doctor.report();
  EXPECT_EQ(finding(doctor, Symptom::rate_too_low).epoch, 3);
  EXPECT_THAT(finding(doctor, Symptom::rate_too_low).saw, HasSubstr("after 3 epochs the loss is"));
}

TEST(Doctor, FindsALearningRateThatIsTooHigh) {
  manual_seed(1);
  Sequential net = deep<ReLU>(2);
  SGD optimizer({.lr = 30});
  Doctor doctor(net);
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  trainer.fit(digits().train, {.epochs = 3, .batch_size = 32, .doctor = &doctor});
  EXPECT_TRUE(has(doctor, Symptom::rate_too_high) || has(doctor, Symptom::diverging)) << doctor.report();
}

/// A doctor that saw these training losses, after an untrained model's.
Doctor after_losses(Module& net, const std::vector<double>& train, const std::vector<double>& validation = {},
                    const std::vector<double>& accuracies = {}) {
  Doctor doctor(net);
  for (size_t i = 0; i < train.size(); ++i) {
    EpochRecord record;
    record.epoch = int64_t(i) + 1;
    record.train = {.loss = train[i], .samples = 1};
    if (i < validation.size()) record.validation = {.loss = validation[i], .samples = 1};
    if (i < accuracies.size()) {
      record.train.classes = true;
      record.train.accuracy = 1;
      record.validation.accuracy = accuracies[i];
    }
    doctor.observe(record);
  }
  return doctor;
}

class DoctorsRules : public testing::Test {
 protected:
  Sequential net_ = small_net();
};

TEST_F(DoctorsRules, ALossThatRisesDiverges) {
  EXPECT_TRUE(has(after_losses(net_, {2.3, 2.4, 3.6}), Symptom::diverging));
  EXPECT_FALSE(has(after_losses(net_, {2.3, 2.4, 3.3}), Symptom::diverging));
}

TEST_F(DoctorsRules, ALossThatJumpsComesOfAHighRate) {
  EXPECT_TRUE(has(after_losses(net_, {2.3, 1.5, 2.2, 1.4, 2.3, 2.0}), Symptom::rate_too_high));
  EXPECT_FALSE(has(after_losses(net_, {2.3, 1.9, 1.7, 1.5, 1.2, 0.9}), Symptom::rate_too_high));
  EXPECT_FALSE(has(after_losses(net_, {2.3, 0.01, 0.02, 0.01, 0.02, 0.01, 0.02}), Symptom::rate_too_high));
}

TEST_F(DoctorsRules, ALossThatStandsStillHighUnderfits) {
  const Doctor doctor = after_losses(net_, {2.3, 2.01, 2.001, 2.0, 2.0, 1.999, 1.998, 1.998});
  ASSERT_TRUE(has(doctor, Symptom::underfitting)) << doctor.report();
  EXPECT_FALSE(has(after_losses(net_, {2.3, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4}), Symptom::underfitting));
}

TEST_F(DoctorsRules, OverfittingShowsInValidation) {
  const Doctor rises = after_losses(net_, {1.0, 0.6, 0.4, 0.3, 0.2, 0.1}, {1.1, 0.8, 0.7, 0.75, 0.8, 0.9});
  ASSERT_TRUE(has(rises, Symptom::overfitting));
  EXPECT_THAT(rises.report(), HasSubstr("since epoch 3 the validation loss went from 0.7 to 0.9"));
  const Doctor apart = after_losses(net_, {1.0, 0.6, 0.4}, {1.0, 0.9, 0.9}, {0.8, 0.8, 0.8});
  ASSERT_TRUE(has(apart, Symptom::overfitting));
  EXPECT_THAT(apart.report(), HasSubstr("accuracy is 100.0 % on training and 80.0 % on validation data"));
  EXPECT_FALSE(has(after_losses(net_, {1.0, 0.6, 0.4, 0.3}, {1.1, 0.8, 0.7, 0.68}, {.95, .95, .95, .95}),
                   Symptom::overfitting));
}

TEST(Doctor, FindsOverfittingOfAFewDigits) {
  manual_seed(1);
  Sequential net = deep<ReLU>(2);
  Adam optimizer({.lr = 3e-3});
  const Subset few(digits().train, 0, 40);
  Doctor doctor(net);
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  trainer.fit(few, {.epochs = 30, .batch_size = 10, .validation = &digits().test, .doctor = &doctor});
  EXPECT_TRUE(has(doctor, Symptom::overfitting)) << doctor.report();
}

TEST(Doctor, FindsUnderfittingOfAModelThatIsTooSmall) {
  // XOR of signs: no line cuts it.
  Generator random(3);
  const Tensor x = rand({200, 2}, -1, 1, DType::f32, kCpu, random);
  const Tensor product = x.slice(1, 0, 1) * x.slice(1, 1, 2);
  const TensorDataset data(x, greater(product.reshape({200}), scalar(0)).to(DType::i64));
  manual_seed(1);
  Sequential net(Linear({.in_features = 2, .out_features = 2}));
  Adam optimizer({.lr = 0.02});
  Doctor doctor(net);
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  trainer.fit(data, {.epochs = 20, .batch_size = 20, .doctor = &doctor});
  EXPECT_TRUE(has(doctor, Symptom::underfitting)) << doctor.report();
}

}  // namespace
}  // namespace dlengine::test
