// What the tape keeps for the backward pass, and what becomes of it until then.
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

Tensor leaf(std::initializer_list<float> values) { return tensor(values).set_requires_grad(); }

TEST(Saved, NoticesTensorsThatWereChanged) {
  Tensor weight = tensor({2});
  const Tensor x = leaf({3});
  const Tensor y = sum(x * weight);
  weight.fill_(5);
  expect_throw<AutogradError>([&] { y.backward(); }, {"backward of mul", "written", "[1]"});

  Tensor view = weight.slice(0, 0);
  const Tensor z = sum(x * weight);
  view.copy_(tensor({9}));  // shares the elements
  EXPECT_THROW(z.backward(), AutogradError);
}

/// An operation whose gradient reads `beside`.
struct Reader {
  const char* name;
  Tensor x, beside;
  std::function<Tensor(const Tensor& x, const Tensor& beside)> f;
};

std::vector<Reader> readers() {
  const Tensor zero = zeros({2}, DType::i64), rows = ones({3, 2}), images = ones({1, 1, 1, 2});
  return {
      {"index_select", rows, zero, [](auto& x, auto& index) { return index_select(x, 0, index); }},
      {"gather", rows, zeros({1, 2}, DType::i64), [](auto& x, auto& index) { return gather(x, 0, index); }},
      {"embedding", rows, zero, [](auto& x, auto& index) { return embedding(x, index); }},
      {"max_unpool2d", images, zeros({1, 1, 1, 2}, DType::i64),
       [](auto& x, auto& index) {
         return max_unpool2d(x, index, {2, 2});
       }},
      {"batch_norm", rows, ones({2}),
       [](auto& x, auto& mean) {
         const Tensor weight = ones_like(mean).set_requires_grad();
         return batch_norm(x, weight, {}, mean, ones_like(mean), {.training = false});
       }},
      {"batch_norm", rows, ones({2}),
       [](auto& x, auto& variance) {
         return batch_norm(x, {}, {}, zeros_like(variance), variance, {.training = false});
       }},
  };
}

TEST(Saved, NoticesPositionsAndStatisticsThatWereChanged) {
  for (const Device device : devices()) {
    for (const Reader& row : readers()) {
      SCOPED_TRACE(std::string(row.name) + " on " + to_string(device));
      const Tensor x = row.x.to(device).clone().set_requires_grad();
      Tensor beside = row.beside.to(device).clone();
      const Tensor y = sum(row.f(x, beside));
      beside.fill_(1);
      expect_throw<AutogradError>([&] { y.backward(); }, {std::string("backward of ") + row.name, "written"});
      sum(row.f(x, beside)).backward();
      EXPECT_TRUE(x.grad().defined());
    }
  }
}

TEST(Saved, ReadsTheElementsThatATensorHadBeforeSetData) {
  const Tensor x = leaf({3}), state = full({1, 1}, 0.5).set_requires_grad();
  Tensor factor = tensor({2}), weight = full({1, 1}, 2);
  const Tensor y = sum(x * factor);
  const Tensor z = sum(
      recurrence(ones({1, 1, 1}), {weight, Tensor()}, {state, Tensor()}, {.cell = RecurrentCell::rnn_relu})
          .output);
  factor.set_data(tensor({9}));
  weight.set_data(full({1, 1}, 9));
  y.backward();
  z.backward();
  expect_same(x.grad(), {2});
  expect_same(state.grad(), {2});
}

TEST(Saved, RefusesLeavesThatCannotTakeTheirGradientAnyMore) {
  for (const Tensor& other : {ones({1}), ones({2}, DType::f64)}) {
    Tensor x = leaf({1, 2});
    const Tensor y = sum(relu(x));
    x.set_data(other);
    expect_throw<AutogradError>([&] { y.backward(); }, {"backward of relu: a leaf has become ", "set_data"});
  }
  for (const Device device : accelerators()) {
    Tensor x = leaf({1, 2});
    const Tensor y = sum(relu(x));
    x.set_data(x.to(device));
    expect_throw<AutogradError>([&] { y.backward(); }, {"a leaf has become f32 [2] on cuda"});
  }
  Tensor x = leaf({1, 2});
  const Tensor y = sum(x * x);
  x.set_data(tensor({5, 5}));
  y.backward();
  expect_same(x.grad(), {2, 4});
}

}  // namespace
}  // namespace dlengine::test
