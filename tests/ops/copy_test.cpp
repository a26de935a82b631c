// Casts, copies in place and between devices, and reading elements on the host.
#include <cmath>
#include <cstdint>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/layout.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

TEST(Cast, ConvertsEveryPairOfTypesInEveryLayout) {
  std::mt19937_64 rng(4);
  const NdArray numbers = random_array({3, 5, 2}, 0, 200, rng);
  for (const Device device : devices()) {
    for (const DType from : all_types()) {
      const NdArray x = rounded(numbers, from);
      for (const DType to : all_types()) {
        for (int layout = 0; layout < kLayouts - 1; ++layout) {
          SCOPED_TRACE(std::string(name(from)) + " to " + std::string(name(to)));
          const Tensor y = GuardedTensor(x, from, device, static_cast<Layout>(layout)).view().to(to);
          EXPECT_EQ(name(y.dtype()), name(to));
          // Own rule: through f32 for the 16-bit types, towards zero for integers.
          expect_same(y, rounded(x, to));
        }
      }
    }
  }
}

TEST(Cast, TruncatesTowardsZeroAndTakesBoolAsNotZero) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      const Tensor x = to_tensor(NdArray({5}, {-1.75, -0.5, 0, 0.5, 2.75}), dtype, device);
      expect_same(x.to(DType::i32), {-1, 0, 0, 0, 2});
      expect_same(x.to(DType::i64), {-1, 0, 0, 0, 2});
      expect_same(x.to(DType::boolean), {1, 1, 0, 1, 1});
    }
    expect_same(tensor({NAN, INFINITY, -0.0f}).to(device).to(DType::boolean), {1, 1, 0});
    const int64_t odd = (int64_t{1} << 53) + 1;  // not a double
    const Tensor exact = from_vector<int64_t>({odd}, {1}, device);
    EXPECT_EQ(exact.to_vector<int64_t>()[0], odd);
    EXPECT_EQ(exact.to(DType::i32).to_vector<int32_t>()[0], 1);
  }
}

TEST(Cast, SendsGradientsBackInTheirOwnType) {
  for (const DType to : floating_types()) {
    check_case({.name = "cast",
                .inputs = {{.shape = {3, 5, 2}, .step = 0.125}},  // exact in all types
                .op = [=](const std::vector<Tensor>& in) { return in[0].to(to); },
                .reference = [](const std::vector<NdArray>& in) { return in[0]; },
                .value = {.terms = 0},
                .elementwise = true});
  }
}

TEST(Cast, ToTheSameTypeAndDeviceIsTheSameTensor) {
  for (const Device device : devices()) {
    const Tensor x = zeros({3}, DType::f32, device);
    EXPECT_EQ(x.to(DType::f32).impl(), x.impl());
    EXPECT_EQ(x.to(device).impl(), x.impl());
  }
}

TEST(CopyInPlace, BroadcastsConvertsAndWritesNothingElse) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      for (int layout = 0; layout < kLayouts - 1; ++layout) {
        SCOPED_TRACE(std::string(name(dtype)) + " " + std::string(name(static_cast<Layout>(layout))));
        const GuardedTensor target(NdArray(Shape{3, 5, 2}), dtype, device, static_cast<Layout>(layout));
        const NdArray row({5, 1}, {1, 0, 1, 1, 0});
        Tensor y = target.view();
        y.copy_(to_tensor(row, DType::f64, device));
        expect_same(y, reference::expand(row, {3, 5, 2}));
        EXPECT_TRUE(target.surroundings_untouched());
      }
    }
  }
}

TEST(CopyInPlace, ReadsAllOfAnOverlappingSourceFirst) {
  for (const Device device : devices()) {
    const auto numbers = [&](int64_t n) { return arange(0, double(n), 1, DType::f32, device); };
    const Tensor line = numbers(5000);
    Tensor shifted = line.slice(0, 1);
    shifted.copy_(line.slice(0, 0, 4999));
    EXPECT_EQ(shifted.to_vector<float>(), numbers(4999).to_vector<float>());
    Tensor matrix = numbers(90 * 90).reshape({90, 90});
    matrix.copy_(matrix.transpose(0, 1));
    EXPECT_EQ(matrix.to_vector<float>(),
              numbers(90 * 90).reshape({90, 90}).transpose(0, 1).to_vector<float>());
    Tensor row = matrix.select(0, 2);
    row.copy_(matrix.select(0, 1));
    EXPECT_EQ(row.to_vector<float>(), matrix.select(0, 1).to_vector<float>());
  }
}

TEST(CopyInPlace, ThatIsRefusedHasWrittenNothing) {
  for (const Device device : devices()) {
    Tensor x = ones({3}, DType::f32, device);
    x.set_requires_grad();
    const Tensor y = sum(x * x);
    {
      const NoGrad no_grad;
      EXPECT_THROW(x.copy_(zeros({2}, DType::f32, device)), ShapeError);
    }
    y.backward();
    expect_same(x.grad(), {2, 2, 2});
  }
}

TEST(CopyInPlace, NamesShapesThatDoNotFit) {
  Tensor x = zeros({2, 3});
  expect_throw<ShapeError>([&] { x.copy_(zeros({2, 4})); }, {"copy_", "[2, 3]", "[2, 4]"});
  expect_throw<ShapeError>([&] { x.copy_(zeros({4, 2, 3})); }, {"copy_", "[2, 3]", "[4, 2, 3]"});
}

TEST(FillInPlace, WritesTheViewAndNothingElse) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      for (int layout = 0; layout < kLayouts - 1; ++layout) {
        for (const Shape& shape : {Shape{3, 5, 2}, Shape{}, Shape{0}, Shape{4097}}) {
          const GuardedTensor target(NdArray(shape, 1.0), dtype, device, static_cast<Layout>(layout));
          Tensor y = target.view();
          y.fill_(0.0);
          expect_same(y, NdArray(shape, 0.0));
          EXPECT_TRUE(target.surroundings_untouched());
        }
      }
    }
  }
}

TEST(InPlace, IsRefusedOnTheTapeUnlessNoGradIsActive) {
  for (const Device device : devices()) {
    Tensor x = ones({2}, DType::f32, device);
    x.set_requires_grad();
    Tensor y = x * 2.0;
    expect_throw<AutogradError>([&] { x.fill_(3); }, {"fill_"});
    expect_throw<AutogradError>([&] { y.copy_(zeros({2}, DType::f32, device)); }, {"copy_"});
    const NoGrad guard;
    x.fill_(3);
    expect_same(x, {3, 3});
  }
}

TEST(BetweenDevices, CopiesEveryTypeAndLayoutBothWays) {
  if (accelerators().empty()) GTEST_SKIP() << "no device but the CPU";
  std::mt19937_64 rng(4);
  for (const Device device : accelerators()) {
    for (const DType dtype : all_types()) {
      const NdArray x = rounded(random_array({3, 5, 2}, 0, 9, rng), dtype);
      for (int layout = 0; layout < kLayouts - 1; ++layout) {
        const Tensor there = GuardedTensor(x, dtype, kCpu, static_cast<Layout>(layout)).view().to(device);
        EXPECT_EQ(there.device(), device);
        expect_same(there, x);
        expect_same(GuardedTensor(x, dtype, device, static_cast<Layout>(layout)).view().to(kCpu), x);
      }
    }
  }
}

TEST(BetweenDevices, GradientsReturnToTheLeaf) {
  if (accelerators().empty()) GTEST_SKIP() << "no device but the CPU";
  for (const Device device : accelerators()) {
    Tensor x = tensor({1, 2});
    x.set_requires_grad();
    (x.to(device) * 3.0).backward(ones({2}, DType::f32, device));
    EXPECT_EQ(x.grad().device(), kCpu);
    expect_same(x.grad(), {3, 3});
  }
}

TEST(BetweenDevices, NothingIsMovedSilently) {
  if (accelerators().empty()) GTEST_SKIP() << "no device but the CPU";
  for (const Device device : accelerators()) {
    const std::string there = to_string(device);
    expect_throw<DeviceError>([&] { add(zeros({2}), zeros({2}, DType::f32, device)); },
                              {"add", "cpu", there});
  }
}

TEST(Item, ReadsTheSingleElementInEveryType) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      EXPECT_EQ(scalar(1, dtype, device).item<double>(), 1);
      EXPECT_EQ(ones({1, 1, 1}, dtype, device).item<int>(), 1);
    }
    expect_throw<ShapeError>([&] { zeros({2}, DType::f32, device).item<float>(); }, {"item", "[2]"});
    expect_throw<ShapeError>([&] { zeros({0}, DType::f32, device).item<float>(); }, {"item", "[0]"});
  }
}

TEST(ToVector, ReadsViewsInRowMajorOrder) {
  for (const Device device : devices()) {
    for (int layout = 0; layout < kLayouts - 1; ++layout) {
      const NdArray x({2, 3}, {1, 2, 3, 4, 5, 6});
      const GuardedTensor t(x, DType::f32, device, static_cast<Layout>(layout));
      EXPECT_EQ(t.view().to_vector<double>(), x.values);
      EXPECT_EQ(t.view().to_vector<int64_t>(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
    }
    EXPECT_TRUE(zeros({0}, DType::f32, device).to_vector<float>().empty());
  }
}

}  // namespace
}  // namespace dlengine::test
