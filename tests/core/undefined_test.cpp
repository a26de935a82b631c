// Undefined tensors, as a gradient before backward(), are refused by name; none is read.
#include <functional>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/gradcheck.h"
#include "dlengine/core/ops.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

struct Call {
  const char* name;
  std::function<void(Tensor& none)> f;
};

void expect_refused(const std::vector<Call>& calls) {
  for (const auto& [name, f] : calls) {
    Tensor none = zeros({2}).grad();
    SCOPED_TRACE(name);
    expect_throw<ValueError>([&, call = f] { call(none); }, {name, "undefined (no gradient yet?)"});
  }
}

TEST(Undefined, AccessorsSaySo) {
  expect_refused({
      {"shape", [](auto& x) { x.shape(); }},
      {"strides", [](auto& x) { x.strides(); }},
      {"rank", [](auto& x) { x.rank(); }},
      {"rank", [](auto& x) { x.ndim(); }},
      {"numel", [](auto& x) { x.numel(); }},
      {"dtype", [](auto& x) { x.dtype(); }},
      {"device", [](auto& x) { x.device(); }},
      {"is_contiguous", [](auto& x) { x.is_contiguous(); }},
      {"storage", [](auto& x) { x.storage(); }},
      {"offset", [](auto& x) { x.offset(); }},
      {"raw", [](auto& x) { x.raw(); }},
      {"data", [](auto& x) { x.template data<float>(); }},
      {"requires_grad", [](auto& x) { x.requires_grad(); }},
  });
  EXPECT_FALSE(zeros({2}).grad().defined());
}

TEST(Undefined, MembersSaySo) {
  expect_refused({
      {"dim", [](auto& x) { x.dim(0); }},
      {"index", [](auto& x) { x.index({0}); }},
      {"slice", [](auto& x) { x.slice(0, 1); }},
      {"select", [](auto& x) { x.select(0, 0); }},
      {"transpose", [](auto& x) { x.transpose(0, 1); }},
      {"permute", [](auto& x) { x.permute({0}); }},
      {"reshape", [](auto& x) { x.reshape({1}); }},
      {"flatten", [](auto& x) { x.flatten(); }},
      {"squeeze", [](auto& x) { x.squeeze(); }},
      {"squeeze", [](auto& x) { x.squeeze(0); }},
      {"unsqueeze", [](auto& x) { x.unsqueeze(0); }},
      {"expand", [](auto& x) { x.expand({2}); }},
      {"contiguous", [](auto& x) { x.contiguous(); }},
      {"clone", [](auto& x) { x.clone(); }},
      {"to", [](auto& x) { x.to(kCpu); }},
      {"to", [](auto& x) { x.to(DType::f64); }},
      {"item", [](auto& x) { x.template item<float>(); }},
      {"to_vector", [](auto& x) { x.template to_vector<float>(); }},
      {"copy_", [](auto& x) { x.copy_(ones({2})); }},
      {"copy_", [](auto& x) { zeros({2}).copy_(x); }},
      {"fill_", [](auto& x) { x.fill_(1); }},
      {"set_requires_grad", [](auto& x) { x.set_requires_grad(); }},
      {"grad", [](auto& x) { x.grad(); }},
      {"zero_grad", [](auto& x) { x.zero_grad(); }},
      {"backward", [](auto& x) { x.backward(); }},
      {"backward", [](auto& x) { x.backward(ones({2})); }},
      {"backward", [](auto& x) { ones({2}).set_requires_grad().backward(x); }},
      {"detach", [](auto& x) { x.detach(); }},
      {"set_data", [](auto& x) { x.set_data(ones({2})); }},
      {"set_data", [](auto& x) { ones({2}).set_data(x); }},
  });
}

TEST(Undefined, FunctionsSaySo) {
  expect_refused({
      {"relu", [](auto& x) { relu(x); }},
      {"add", [](auto& x) { x + ones({2}); }},
      {"neg", [](auto& x) { -x; }},
      {"add", [](auto& x) { x + 1.0; }},
      {"add", [](auto& x) { 1.0 + x; }},
      {"sub", [](auto& x) { x - 1.0; }},
      {"sub", [](auto& x) { 1.0 - x; }},
      {"mul", [](auto& x) { x * 2.0; }},
      {"mul", [](auto& x) { 2.0 * x; }},
      {"div", [](auto& x) { x / 2.0; }},
      {"div", [](auto& x) { 2.0 / x; }},
      {"scale_shift", [](auto& x) { scale_shift(x, 2, 1); }},
      {"pow", [](auto& x) { pow(x, 2.0); }},
      {"mean", [](auto& x) { mean(x); }},
      {"stddev", [](auto& x) { stddev(x); }},
      {"sort", [](auto& x) { sort(x); }},
      {"topk", [](auto& x) { topk(x, 1); }},
      {"stack",
       [](auto& x) {
         stack({ones({2}), x});
       }},
      {"stack",
       [](auto& x) {
         stack({x, ones({2})});
       }},
      {"concat",
       [](auto& x) {
         concat({x, ones({2})});
       }},
      {"empty_like", [](auto& x) { empty_like(x); }},
      {"zeros_like", [](auto& x) { zeros_like(x); }},
      {"ones_like", [](auto& x) { ones_like(x); }},
      {"full_like", [](auto& x) { full_like(x, 1); }},
      {"numerical_gradient", [](auto& x) { numerical_gradient([](const Tensor&) { return 0.0; }, x); }},
  });
}

}  // namespace
}  // namespace dlengine::test
