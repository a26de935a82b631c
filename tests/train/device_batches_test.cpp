// Batches that are gathered on the device are those of a Loader.
#include "dlengine/data/device_batches.h"

#include <gtest/gtest.h>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/data/loader.h"
#include "dlengine/train/captured_step.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TensorDataset pixels(int64_t count) {
  return {rand({count, 1, 3, 2}, 0, 255).to(DType::u8), arange(0, double(count), 1, DType::i64)};
}

void expect_equal(const Samples& got, const Samples& want) {
  EXPECT_EQ(got.x.shape(), want.x.shape());
  EXPECT_EQ(got.x.to_vector<float>(), want.x.to_vector<float>());
  EXPECT_EQ(got.y.to_vector<int64_t>(), want.y.to_vector<int64_t>());
}

TEST(DeviceBatches, AreThoseOfALoader) {
  const TensorDataset data = pixels(11);
  for (const Device device : devices()) {
    for (const bool shuffle : {false, true}) {
      for (const bool drop_last : {false, true}) {
        SCOPED_TRACE(to_string(device));
        const LoaderOptions options{
            .batch_size = 4, .shuffle = shuffle, .drop_last = drop_last, .prefetch = 0, .seed = 5};
        Loader loader(data, options);
        DeviceBatches batches(*data.in_memory(), options, device);
        EXPECT_EQ(batches.batches_per_epoch(), loader.batches_per_epoch());
        for (const int epoch : {0, 1, 2, 5, 7, 6, 7, 0}) {
          loader.start_epoch(epoch);
          batches.start_epoch(epoch);
          EXPECT_EQ(batches.next_count(), 2);
          for (Batch want; loader.next(want);) {
            EXPECT_EQ(batches.next_size(), want.size());
            expect_equal(batches.take(), want);
          }
          EXPECT_EQ(batches.next_size(), 0);
          EXPECT_EQ(batches.next_count(), 0);
        }
      }
    }
  }
}

TEST(DeviceBatches, TakeTheNextOneInEveryReplay) {
  const TensorDataset data = pixels(20);
  const LoaderOptions options{.batch_size = 2, .shuffle = true, .prefetch = 0};
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Loader loader(data, options);
    DeviceBatches batches(*data.in_memory(), options, device);
    CapturedStep step(device, [&](const std::vector<Tensor>&) {
      const Samples batch = batches.take();
      return std::vector{batch.x, batch.y};
    });
    for (int epoch = 0; epoch < 2; ++epoch) {
      loader.start_epoch(epoch);
      batches.start_epoch(epoch);
      Batch want;
      for (int i = 0; i < 6; ++i) {
        ASSERT_TRUE(loader.next(want));
        const std::vector<Tensor>& got = step({});
        expect_equal({got[0], got[1]}, want);
      }
      batches.skip(1);
      loader.next(want);
      while (loader.next(want)) expect_equal(batches.take(), want);
    }
  }
}

TEST(DeviceBatches, ComeFromAPartOfADataSetAsWell) {
  const TensorDataset data = pixels(9);
  const Subset part(data, 3, 8);
  DeviceBatches batches(*part.in_memory(), {.batch_size = 5}, kCpu);
  expect_equal(batches.take(), part.get(std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST(DeviceBatches, NameWhatDoesNotFit) {
  const TensorDataset data = pixels(3);
  expect_throw<ValueError>([&] { DeviceBatches(*data.in_memory(), {.batch_size = 0}, kCpu); },
                           {"DeviceBatches", "batch_size >= 1", "0"});
  expect_throw<ValueError>([&] { DeviceBatches(*Subset(data, 1, 1).in_memory(), {}, kCpu); },
                           {"DeviceBatches", "[0, 1, 3, 2]"});
  DeviceBatches batches(*data.in_memory(), {.batch_size = 3}, kCpu);
  expect_throw<ValueError>([&] { batches.start_epoch(-1); }, {"epoch >= 0", "-1"});
  batches.take();
  expect_throw<ValueError>([&] { batches.take(); }, {"the epoch is over"});
}

}  // namespace
}  // namespace dlengine::test
