// The whole slice in about a second: generate digits, train a CNN on each device, save, load and predict.
#include <gtest/gtest.h>

#include "dlengine/core/ops/reduce.h"
#include "dlengine/data/data.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/optim.h"
#include "dlengine/train/train.h"
#include "tests/support/devices.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

Sequential small_cnn() {
  return Sequential(Conv2d({.out_channels = 8, .kernel = 3, .stride = 2}), BatchNorm2d(), ReLU(),
                    MaxPool2d({.kernel = 2}), Flatten(), Dropout(0.1), Linear({.out_features = 10}));
}

TEST(Smoke, DigitsAreLearntSavedAndPredicted) {
  const ImageDataset digits = synthetic_digits({.train = 600, .test = 100, .seed = 1});
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    manual_seed(1);
    Sequential net = small_cnn();
    Adam adam({.lr = 0.01});
    const TrainerOptions options{.device = device, .seed = 1, .progress = false};
    Trainer trainer(net, CrossEntropyLoss(), adam, options);
    const History history = trainer.fit(digits.train, {.epochs = 2, .batch_size = 30});
    ASSERT_EQ(history.epochs.size(), 2U);
    EXPECT_LT(history.epochs[1].train.loss, history.epochs[0].train.loss);
    const Metrics metrics = trainer.evaluate(digits.test);
    EXPECT_GT(metrics.accuracy, 0.3);  // chance is 0.1

    const TempDir folder;
    save_weights(net, folder / "net.safetensors");
    Sequential copy = small_cnn();
    copy.infer_shapes({1, 1, 28, 28});
    load_weights(copy, folder / "net.safetensors");
    Adam unused({.lr = 0.01});
    Trainer reader(copy, CrossEntropyLoss(), unused, options);
    const Tensor before = trainer.predict(digits.test), after = reader.predict(digits.test);
    EXPECT_EQ(before.shape(), (Shape{100, 10}));
    EXPECT_EQ(after.to_vector<float>(), before.to_vector<float>());
    EXPECT_EQ(argmax(after).shape(), (Shape{100}));
  }
}

}  // namespace
}  // namespace dlengine::test
