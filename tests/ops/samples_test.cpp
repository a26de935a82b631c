// Gathering a batch of samples, on every device.
#include <gtest/gtest.h>

#include <cstdint>

#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/samples.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// 7 samples of `elements` numbers: element j of sample i is (31 i + j) % 200, its label 10 i.
Samples numbered(int64_t elements, DType x_type, DType y_type, Device device) {
  std::vector<int32_t> x, y;
  for (int32_t i = 0; i < 7; ++i) {
    for (int32_t j = 0; j < elements; ++j) x.push_back((31 * i + j) % 200);
    y.push_back(10 * i);
  }
  return {from_vector(x, {7, elements}).to(x_type).to(device), from_vector(y, {7}).to(y_type).to(device)};
}

const std::vector<int64_t> kOrder = {3, 0, 6, 6, 1, 5, 2};

Samples take(const Samples& all, DType x_type, int64_t first, int64_t rows) {
  const Device device = all.x.device();
  Samples batch{empty({rows, all.x.dim(1)}, x_type, device), empty({rows}, all.y.dtype(), device)};
  backend_for(device).take_samples(all, from_vector(kOrder, {7}, device), {.first = first}, batch);
  return batch;
}

TEST(TakeSamples, CopiesRowsOfEveryTypeAndWidth) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::i32, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
      for (const int64_t elements : {1, 3, 4, 16, 130}) {
        SCOPED_TRACE(to_string(device) + " " + std::string(name(dtype)) + " " + std::to_string(elements));
        const Samples all = numbered(elements, dtype, DType::i64, device);
        const Samples batch = take(all, dtype, 2, 3);
        const auto x = all.x.to_vector<double>(), got = batch.x.to_vector<double>();
        for (size_t i = 0; i < 3; ++i) {
          const auto from = x.begin() + kOrder[i + 2] * elements;
          const auto to = got.begin() + int64_t(i) * elements;
          EXPECT_TRUE(std::equal(to, to + elements, from)) << "row " << i;
        }
        EXPECT_EQ(batch.y.to_vector<int64_t>(), (std::vector<int64_t>{60, 60, 10}));
      }
    }
  }
}

TEST(TakeSamples, ReadsPixelsAsSharesOfOne) {
  for (const Device device : devices()) {
    for (const int64_t elements : {1, 4, 15, 784}) {
      SCOPED_TRACE(to_string(device) + " " + std::to_string(elements));
      const Samples all = numbered(elements, DType::u8, DType::u8, device);
      const Samples batch = take(all, DType::f32, 0, 5);
      const auto pixels = all.x.to_vector<uint8_t>();
      const auto got = batch.x.to_vector<float>();
      for (size_t i = 0; i < got.size(); ++i) {
        const size_t row = i / size_t(elements), column = i % size_t(elements);
        EXPECT_EQ(got[i], float(pixels[size_t(kOrder[row] * elements) + column]) / 255.0f);
      }
      EXPECT_EQ(batch.y.to_vector<uint8_t>(), (std::vector<uint8_t>{30, 0, 60, 60, 10}));
    }
  }
}

TEST(TakeSamples, TakesUnalignedRowsAndCountsRoundTheEnd) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const Samples wide = numbered(9, DType::u8, DType::i64, device);
    const Samples all{wide.x.reshape({63}).slice(0, 1, 57).reshape({7, 8}), wide.y};
    const auto pixels = all.x.to_vector<uint8_t>();
    const auto got = take(all, DType::f32, 6, 2).x.to_vector<float>();
    for (size_t j = 0; j < 8; ++j) {
      EXPECT_EQ(got[j], float(pixels[2 * 8 + j]) / 255.0f);
      EXPECT_EQ(got[8 + j], float(pixels[3 * 8 + j]) / 255.0f);
    }
  }
}

}  // namespace
}  // namespace dlengine::test
