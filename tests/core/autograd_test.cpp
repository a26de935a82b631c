// The tape: what it records, where gradients go, and what it refuses.
#include "dlengine/core/autograd.h"

#include <thread>

#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

Tensor leaf(std::initializer_list<float> values) { return tensor(values).set_requires_grad(); }

TEST(Backward, AddsUpUntilTheGradientIsForgotten) {
  const Tensor x = leaf({1, 2});
  sum(x * 3.0).backward();
  sum(x * 4.0).backward();
  expect_same(x.grad(), {7, 7});
  Tensor same = x;
  same.zero_grad();
  EXPECT_FALSE(x.grad().defined());
  sum(x).backward();
  expect_same(x.grad(), {1, 1});
}

TEST(Backward, AddsOverAllUsesOfATensor) {
  const Tensor x = leaf({2, 3});
  const Tensor shared = x * x;                   // used three times
  sum(shared * shared + shared * x).backward();  // x^4 + x^3
  expect_same(x.grad(), {4 * 8 + 3 * 4, 4 * 27 + 3 * 9});
  const Tensor y = leaf({5});
  sum(y + y + y).backward();
  expect_same(y.grad(), {3});
}

TEST(Backward, ReachesEveryLeafInTheRightOrder) {
  // The result of the first operation is used by the last one again: its gradient must wait for both.
  const Tensor a = leaf({2}), b = leaf({3});
  const Tensor first = a * b;
  const Tensor second = exp(first * 0.0) * first;
  const Tensor third = second + first;
  sum(third).backward();
  expect_same(a.grad(), {6});
  expect_same(b.grad(), {4});
}

TEST(Backward, ReachesViewsOfOneLeaf) {
  const Tensor x = leaf({1, 2, 3});
  (sum(x.slice(0, 0, 2)) + sum(x.slice(0, 1)) * 10.0).backward();  // overlapping
  expect_same(x.grad(), {1, 11, 10});
}

TEST(Backward, OfALeafItselfIsTheGivenGradient) {
  const Tensor x = leaf({4});
  x.backward();
  expect_same(x.grad(), {1});
}

TEST(Backward, LeavesGradientsThatNobodyElseHolds) {
  const Tensor a = leaf({1, 1}), b = leaf({1, 1});
  Tensor given = tensor({5, 6});
  (a + b).backward(given);
  given.fill_(0);
  a.grad().fill_(7);
  expect_same(a.grad(), {7, 7});
  expect_same(b.grad(), {5, 6});
}

TEST(Tape, StopsAtDetach) {
  const Tensor x = leaf({3});
  const Tensor y = x * x.detach();
  sum(y).backward();
  expect_same(x.grad(), {3});
  EXPECT_FALSE(x.detach().requires_grad());
  EXPECT_EQ(x.detach().storage(), x.storage());
}

TEST(Tape, RecordsNothingWhileNoGradLives) {
  const Tensor x = leaf({3});
  {
    const NoGrad outer;
    { const NoGrad inner; }
    EXPECT_FALSE(grad_enabled());
    EXPECT_FALSE((x * 2.0).requires_grad());
    std::thread([&] { EXPECT_TRUE(grad_enabled()); }).join();  // others go on
  }
  EXPECT_TRUE(grad_enabled());
  EXPECT_TRUE((x * 2.0).requires_grad());
  EXPECT_FALSE((tensor({1}) * 2.0).requires_grad());
}

TEST(Tape, ForgetsAWalkThatThrew) {
  const Tensor x = leaf({1});
  Tensor factor = tensor({3});
  const Tensor twice = x * 2.0;
  const Tensor reached = twice * 5.0, throws = twice * factor;  // the later one runs first
  const Tensor y = reached + throws;
  factor.fill_(4);
  EXPECT_THROW(y.backward(), AutogradError);
  EXPECT_FALSE(x.grad().defined());
  (reached * 1.0).backward();
  expect_same(x.grad(), {10});
}

TEST(Tape, IsUsedUpByBackward) {
  const Tensor x = leaf({3});
  const Tensor square = x * x;
  const Tensor y = sum(square);
  y.backward();
  expect_throw<AutogradError>([&] { y.backward(); }, {"backward", "earlier"});
  expect_throw<AutogradError>([&] { sum(square).backward(); }, {"backward", "earlier"});  // a part of it
}

TEST(Tape, LetsGoOfItsTensorsAfterBackward) {
  Allocator& allocator = backend_for(kCpu).allocator(0);
  const Tensor x = zeros({100'000}).set_requires_grad();
  const int64_t before = allocator.stats().in_use;
  const Tensor y = sum(exp(exp(exp(x))));
  EXPECT_GT(allocator.stats().in_use, before + 3 * 400'000);
  y.backward();
  EXPECT_LT(allocator.stats().in_use, before + 2 * 400'000);  // the gradient is left
}

TEST(Tape, HoldsNoGradientsAfterBackward) {
  Allocator& allocator = backend_for(kCpu).allocator(0);
  Tensor x = zeros({100'000}).set_requires_grad();
  const Tensor y = exp(x);
  const int64_t before = allocator.stats().in_use;
  sum(y).backward();
  x.zero_grad();
  EXPECT_EQ(allocator.stats().in_use, before);
}

TEST(Tape, MayBeLongerThanTheStackIsDeep) {
  const Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 100'000; ++i) y = y + 1.0;
  sum(y).backward();
  expect_same(x.grad(), {1});
  for (int i = 0; i < 100'000; ++i) y = i == 0 ? x * 1.0 : y * 1.0;
  y = Tensor();  // dropped without backward
}

TEST(Tape, RefusesWhatItCannotDo) {
  const Tensor x = leaf({1, 2});
  expect_throw<ShapeError>([&] { (x * 2.0).backward(); }, {"backward", "[2]"});
  expect_throw<ShapeError>([&] { (x * 2.0).backward(tensor({1})); }, {"backward", "[1]", "[2]"});
  expect_throw<AutogradError>([&] { sum(tensor({1})).backward(); }, {"backward"});
  for (const Device device : devices()) {
    const Tensor w = ones({2}, DType::f32, device).set_requires_grad();
    for (const Tensor& y : {w, relu(w), w.reshape({2, 1}).reshape({2})}) {
      for (const DType dtype : {DType::f64, DType::f16, DType::i64, DType::u8}) {
        expect_throw<DTypeError>([&] { y.backward(ones({2}, dtype, device)); },
                                 {"backward: the gradient is ", name(dtype), "need f32"});
      }
      if (device == kCpu) continue;
      expect_throw<DeviceError>([&] { y.backward(ones({2})); },
                                {"backward: the gradient is on cpu, need cuda"});
    }
    EXPECT_FALSE(w.grad().defined());
  }
  expect_throw<AutogradError>([&] { (x * 2.0).set_requires_grad(); }, {"set_requires_grad"});
  expect_throw<DTypeError>([&] { zeros({2}, DType::i32).set_requires_grad(); }, {"set_requires_grad", "i32"});
}

TEST(Tape, HasNoSecondDerivatives) {
  const Tensor x = leaf({2});
  sum(x * x * x).backward();
  EXPECT_FALSE(x.grad().requires_grad());
  expect_throw<AutogradError>([&] { sum(x.grad() * 2.0).backward(); }, {"backward"});
}

// --- Operations written by users ---

TEST(Record, TakesOperationsOfUsers) {
  const Tensor x = leaf({1, 2});
  const Tensor y =
      record("doubled", x.detach() * 2.0, {x}, [](const Tensor& dy, InputGrads& dx) { dx.add(0, dy * 2.0); });
  sum(y).backward();
  expect_same(x.grad(), {2, 2});
}

TEST(Record, NamesTheOperationWhoseGradientIsWrong) {
  const Tensor x = leaf({1, 2});
  const Tensor y =
      record("crooked", x.detach() * 2.0, {x}, [](const Tensor&, InputGrads& dx) { dx.add(0, zeros({3})); });
  expect_throw<ShapeError>([&] { sum(y).backward(); }, {"crooked", "gradient of input 0", "[3]", "[2]"});
  for (const Tensor& input : {x, x * 1.0}) {
    const Tensor wide = record("wide", x.detach() * 2.0, {input},
                               [](const Tensor& dy, InputGrads& dx) { dx.add(0, dy.to(DType::f64)); });
    expect_throw<DTypeError>([&] { sum(wide).backward(); },
                             {"wide: the gradient of input 0 is f64, need f32"});
  }
}

TEST(Record, AsksOnlyForGradientsThatAreWanted) {
  const Tensor x = leaf({1}), constant = tensor({1});
  const Tensor y = record("two", tensor({1}), {constant, x, Tensor()}, [](const Tensor& dy, InputGrads& dx) {
    EXPECT_FALSE(dx.wants(0));
    EXPECT_TRUE(dx.wants(1));
    EXPECT_FALSE(dx.wants(2));
    dx.add(0, dy);  // ignored
    dx.add(1, dy);
  });
  sum(y).backward();
  EXPECT_FALSE(constant.grad().defined());
}

struct TakesOne {
  static constexpr bool kUndefinedIsOne = true;
  int* undefined;
  void operator()(const Tensor& dy, InputGrads& dx) const {
    *undefined += !dy.defined();
    dx.add(0, dy.defined() ? dy * 5.0 : tensor({5}));
  }
};

TEST(Record, RefusesInputsThatItWasNotGiven) {
  const Tensor x = leaf({1, 2}), data = tensor({3, 4});
  const auto run = [&](auto backward) { record("my_op", x * data, {x, data}, backward).backward(ones({2})); };
  const std::initializer_list<std::string_view> said = {"backward of my_op: there is no input 2", "given 2"};
  expect_throw<ValueError>([&] { run([](const Tensor& dy, InputGrads& dx) { dx.add(2, dy); }); }, said);
  expect_throw<ValueError>([&] { run([](const Tensor&, InputGrads& dx) { dx.wants(2); }); }, said);
  expect_throw<ValueError>([&] { run([](const Tensor&, InputGrads& dx) { dx.shape(2); }); }, said);
  expect_throw<ValueError>([&] { run([](const Tensor&, InputGrads& dx) { dx.buffer(2); }); }, said);
  expect_throw<ValueError>([&] { run([](const Tensor&, InputGrads& dx) { dx.take_mask(2); }); }, said);
  const std::initializer_list<std::string_view> unwanted = {"backward of my_op", "input 1; ask wants(1)"};
  expect_throw<AutogradError>([&] { run([](const Tensor&, InputGrads& dx) { dx.shape(1); }); }, unwanted);
  expect_throw<AutogradError>([&] { run([](const Tensor&, InputGrads& dx) { dx.buffer(1); }); }, unwanted);
  run([](const Tensor& dy, InputGrads& dx) { dx.add(1, dy); });  // not wanted: nothing happens
  EXPECT_FALSE(x.grad().defined());
}

TEST(Record, LeavesOutAGradientOfOneForThoseWhoKnow) {
  int undefined = 0;
  const Tensor x = leaf({2});
  const auto five_times = [&] { return record("five_times", x.detach() * 5.0, {x}, TakesOne{&undefined}); };
  five_times().backward();
  EXPECT_EQ(undefined, 1);
  five_times().backward(tensor({2}));
  (five_times() * 3.0).backward();
  EXPECT_EQ(undefined, 1);
  expect_same(x.grad(), {5 + 10 + 15});
  const Tensor y = five_times();
  y.backward();
  expect_throw<AutogradError>([&] { y.backward(); }, {"backward", "earlier"});
}

/// y = 3 max(x, 0), which offers its mask; counts how often it masked itself.
Tensor three_relu(const Tensor& x, int* masked) {
  Tensor y = relu(x.detach()) * 3.0;
  y = record("three_relu", y, {x}, [masked, y = y.detach()](const Tensor& dy, InputGrads& dx) {
    *masked += !dx.masked();
    dx.add(0, dx.masked() ? dy : dy * (y / maximum(y, tensor({1e-9F}))) * 3.0);
  });
  offer_mask(y, 3);
  return y;
}

/// y = x, which takes the mask of x where it is offered.
Tensor mask_taker(const Tensor& x, double* scale) {
  return record(
      "mask_taker", x.detach() * 1.0, {x}, [scale, x = x.detach()](const Tensor& dy, InputGrads& dx) {
        *scale = dx.take_mask(0);
        const Tensor slopes = *scale == 0 ? ones_like(x) : relu(x) / maximum(x, tensor({1e-9F})) * *scale;
        dx.add(0, dy * slopes);
      });
}

TEST(Mask, IsAppliedOnceByTheOnlyUserOrByTheOperation) {
  const Tensor x = leaf({-1, 2});
  int masked = 0;
  double scale = -1;
  sum(mask_taker(three_relu(x, &masked), &scale)).backward();
  expect_same(x.grad(), {0, 3});
  EXPECT_EQ(masked, 0);
  EXPECT_EQ(scale, 3);
  Tensor(x).zero_grad();

  const Tensor shared = three_relu(x, &masked);
  (sum(mask_taker(shared, &scale)) + sum(shared)).backward();
  expect_same(x.grad(), {0, 6});
  EXPECT_EQ(masked, 1);
  EXPECT_EQ(scale, 0);
  Tensor(x).zero_grad();

  const Tensor root = three_relu(x, &masked);
  mask_taker(root, &scale);  // not on the way
  root.backward(tensor({1, 1}));
  expect_same(x.grad(), {0, 3});
  EXPECT_EQ(masked, 2);

  sum(mask_taker(mask_taker(x, &scale), &scale)).backward();  // of a leaf, and of who offers none
  EXPECT_EQ(scale, 0);
}

TEST(Mask, IsForgottenWithAWalkThatThrew) {
  const Tensor x = leaf({-1, 2});
  int masked = 0;
  const Tensor y = three_relu(x, &masked);
  const Tensor broken = record("broken", y.detach(), {y}, [](const Tensor&, InputGrads& dx) {
    dx.take_mask(0);
    throw ValueError("on purpose");
  });
  expect_throw<ValueError>([&] { sum(broken).backward(); }, {"broken", "on purpose"});
  sum(y).backward();
  expect_same(x.grad(), {0, 3});
  EXPECT_EQ(masked, 1);
}

TEST(GradBuffer, ReceivesTheGradient) {
  for (const Device device : devices()) {
    Tensor x = tensor({-1, 2}).to(device).set_requires_grad();
    const Tensor memory = full({2}, 99, DType::f32, device);
    x.impl()->grad_buffer = memory.impl();
    sum(relu(x)).backward();
    EXPECT_EQ(x.grad().raw(), memory.raw());
    expect_same(memory, {0, 1});
    sum(relu(x) + relu(x)).backward();
    EXPECT_EQ(x.grad().raw(), memory.raw());
    expect_same(memory, {0, 3});
    x.zero_grad();
    sum(x * x).backward();  // one operation has it twice
    EXPECT_EQ(x.grad().raw(), memory.raw());
    expect_same(memory, {-2, 4});
  }
}

}  // namespace
}  // namespace dlengine::test
