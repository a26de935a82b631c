// Operations composed of others, and layers with a second input: recorded steps have the bits of those that
// run as usual, whatever indices, masks and lengths come; what reads the host is refused.
#include <gtest/gtest.h>

#include <functional>

#include "dlengine/core/ops.h"
#include "dlengine/layers/layers.h"
#include "dlengine/train/captured_step.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// Takes x f32 [3, 4, 4], random numbers 0 .. 3 i64 [3, 4, 4] and 0 .. 4 i64 [3].
struct Replayed {
  const char* name;
  std::function<Tensor(const Tensor& x, const Tensor& numbers, const Tensor& lengths)> f;
};

std::vector<Replayed> all_replayed(Device device) {
  const auto encoder = std::make_shared<TransformerEncoder>(
      TransformerEncoderOptions{.layer = {.d_model = 4, .nhead = 2, .dim_feedforward = 6, .dropout = 0}});
  const auto lstm =
      std::make_shared<LSTM>(RecurrentOptions{.input_size = 4, .hidden_size = 3, .bidirectional = true});
  for (Module* layer : std::initializer_list<Module*>{encoder.get(), lstm.get()}) {
    layer->to(device);
    for (Tensor& parameter : layer->parameters())
      parameter.set_requires_grad(false);  // no optimizer holds it
  }
  return {
      {"prod", [](auto& x, auto&, auto&) { return prod(x, {.axes = {1}}); }},
      {"cumprod", [](auto& x, auto&, auto&) { return cumprod(x); }},
      {"scatter_add", [](auto& x, auto& i, auto&) { return scatter_add(x, 1, i, x); }},
      {"scatter", [](auto& x, auto& i, auto&) { return scatter(x, 1, i, x * 2.0); }},
      {"scatter_number", [](auto& x, auto& i, auto&) { return scatter(x, 2, i, 7); }},
      {"masked_fill", [](auto& x, auto& i, auto&) { return masked_fill(x, greater(i, 1), 0); }},
      {"einsum",
       [](auto& x, auto&, auto&) {
         return einsum("bij,bkj,bll->ik", {x, x, x});
       }},
      {"encoder",
       [=](auto& x, auto&, auto& lengths) { return encoder->forward(x, sequence_mask(lengths, 4)); }},
      {"lstm",
       [=](auto& x, auto&, auto& lengths) {
         const RecurrentLayer::Output output = lstm->run(x, {}, lengths);
         return concat({output.sequence.flatten(), output.state.h.flatten(), output.state.c.flatten()});
       }},
  };
}

TEST(ReplayedOperations, GiveTheirBits) {
  for (const Device device : devices()) {
    for (const auto& [name, f] : all_replayed(device)) {
      SCOPED_TRACE(std::string(name) + " " + to_string(device));
      const auto step = [&f = f](const std::vector<Tensor>& in) {
        Tensor x = in[0].clone().set_requires_grad();
        const Tensor y = f(x, in[1], in[2]);
        y.backward(y.detach());
        return std::vector{y.detach(), x.grad()};
      };
      int host_calls = 0;
      CapturedStep captured(device, [&](const std::vector<Tensor>& in) {
        ++host_calls;
        return step(in);
      });
      for (int i = 0; i < 5; ++i) {
        Generator random(static_cast<uint64_t>(i));
        const Tensor x = randn({3, 4, 4}, 0, 1, DType::f32, kCpu, random).to(device);
        const Tensor numbers = rand({3, 4, 4}, 0, 4, DType::f32, kCpu, random).to(DType::i64).to(device);
        const Tensor lengths = rand({3}, 0, 5, DType::f32, kCpu, random).to(DType::i64).to(device);
        const std::vector<Tensor> got = captured({x, numbers, lengths}), want = step({x, numbers, lengths});
        for (size_t k = 0; k < want.size(); ++k) expect_same(got[k], to_ndarray(want[k]));
      }
      EXPECT_EQ(captured.reason(), "");
      EXPECT_EQ(host_calls, 3);
    }
  }
}

TEST(ReplayedOperations, AddUpInPlace) {
  for (const Device device : devices()) {
    const Tensor total = zeros({2}, DType::f32, device);
    CapturedStep captured(device, [&](const std::vector<Tensor>& in) {
      total += in[0];
      return std::vector{total * 2.0};
    });
    for (int i = 1; i <= 6; ++i) {
      expect_same(captured({full({2}, i).to(device)})[0], std::vector<double>(2, i * (i + 1)));
    }
    EXPECT_EQ(captured.reason(), "");
    expect_same(total, {21, 21});
  }
}

TEST(ReplayedOperations, ThatReadTheHostRunAsUsual) {
  for (const Device device : devices()) {
    CapturedStep found(device, [](const std::vector<Tensor>& in) { return std::vector{nonzero(in[0])}; });
    CapturedStep selected(device, [](const std::vector<Tensor>& in) {
      return std::vector{masked_select(in[0], greater(in[0], 2))};
    });
    for (int i = 0; i < 4; ++i) {
      const Tensor x = arange(i, i + 3).to(device);
      EXPECT_EQ(found({x})[0].shape(), (Shape{i == 0 ? 2 : 3, 1}));
      EXPECT_EQ(selected({x})[0].shape(), (Shape{i}));
    }
    EXPECT_EQ(found.reason(), "reads elements on the host");
    EXPECT_EQ(selected.reason(), "reads elements on the host");
  }
}

}  // namespace
}  // namespace dlengine::test
