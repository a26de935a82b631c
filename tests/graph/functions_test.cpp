// Every function of a backend that a graph can call: traced, saved, loaded and run, it does the same.
#include <functional>
#include <limits>
#include <set>

#include "dlengine/core/backend.h"
#include "dlengine/core/graph/functions.h"
#include "tests/graph/graphs.h"

namespace dlengine::test {
namespace {

using Tensors = std::vector<Tensor>;
using Call = std::function<Tensors(Backend&, const Tensors&)>;

constexpr DType kF32 = DType::f32, kI64 = DType::i64, kBool = DType::boolean;

struct FunctionCase {
  const char* name;
  std::vector<TraceInput> inputs;
  Call call;
};

Tensor like(const Tensor& x, const Shape& shape, DType dtype = kF32) {
  return empty(shape, dtype, x.device());
}
Tensor like(const Tensor& x) { return like(x, x.shape(), x.dtype()); }

/// A call with one result, of x's shape.
Call into(const std::function<void(Backend&, const Tensors&, Tensor&)>& f) {
  return [f](Backend& b, const Tensors& in) {
    Tensor y = like(in[0]);
    f(b, in, y);
    return Tensors{y};
  };
}

/// A call with one result of this shape.
Call into(const Shape& shape, DType dtype, const std::function<void(Backend&, const Tensors&, Tensor&)>& f) {
  return [=](Backend& b, const Tensors& in) {
    Tensor y = like(in[0], shape, dtype);
    f(b, in, y);
    return Tensors{y};
  };
}

const TraceInput kX{"x", {2, 3}}, kY{"y", {2, 3}}, kZ{"z", {2, 3}}, kIndex{"i", {2}, kI64};

std::vector<FunctionCase> elements() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {
      {"copy", {kX}, into({2, 3}, DType::f64, [](auto& b, auto& in, auto& y) { b.copy(in[0], y); })},
      {"fill", {kX}, into([](auto& b, auto&, auto& y) { b.fill(y, -kInfinity); })},
      {"index_select", {kX, kIndex}, into([](auto& b, auto& in, auto& y) {
         b.index_select(in[0], 0, in[1], y);
       })},
      {"index_add", {kX, kIndex}, into([](auto& b, auto& in, auto& y) { b.index_add(in[0], 0, in[1], y); })},
      {"gather", {kX, {"i", {2, 3}, kI64}}, into([](auto& b, auto& in, auto& y) {
         b.gather(in[0], 1, in[1], y);
       })},
      {"scatter_add", {kX, {"i", {2, 3}, kI64}}, into([](auto& b, auto& in, auto& y) {
         b.scatter_add(in[0], 1, in[1], y);
       })},
      {"unary", {kX}, into([](auto& b, auto& in, auto& y) { b.unary(UnaryOp::tanh, in[0], y); })},
      {"unary_grad", {kX, kY}, into([](auto& b, auto& in, auto& y) {
         b.unary_grad(UnaryOp::exp, in[0], in[1], y);
       })},
      {"relu_grad", {kX, kY}, into([](auto& b, auto& in, auto& y) { b.relu_grad(in[0], in[1], 0.3, y); })},
      {"scale_shift", {kX}, into([](auto& b, auto& in, auto& y) { b.scale_shift(in[0], 0.1, 1e-30, y); })},
      {"binary", {kX, kY}, into([](auto& b, auto& in, auto& y) {
         b.binary(BinaryOp::maximum, in[0], in[1], y);
       })},
      {"compare",
       {kX, kY},
       into({2, 3}, kBool, [](auto& b, auto& in, auto& y) { b.compare(CompareOp::le, in[0], in[1], y); })},
      {"where", {kX, kY, {"c", {2, 3}, kBool}}, into([](auto& b, auto& in, auto& y) {
         b.where(in[2], in[0], in[1], y);
       })},
      {"reduce",
       {kX},
       into({2, 1}, kF32, [](auto& b, auto& in, auto& y) { b.reduce(ReduceOp::mean, in[0], y); })},
      {"arg_reduce",
       {kX},
       into({2, 1}, kI64, [](auto& b, auto& in, auto& y) { b.arg_reduce(true, in[0], 1, y); })},
      {"cumsum", {kX}, into([](auto& b, auto& in, auto& y) { b.cumsum(in[0], 1, true, y); })},
      {"argsort", {kX}, into({2, 3}, kI64, [](auto& b, auto& in, auto& y) { b.argsort(in[0], 1, true, y); })},
      {"softmax", {kX}, into([](auto& b, auto& in, auto& y) { b.softmax(in[0], true, y); })},
      {"softmax_grad", {kX, kY}, into([](auto& b, auto& in, auto& y) {
         b.softmax_grad(in[0], in[1], true, y);
       })},
  };
}

std::vector<FunctionCase> products() {
  const TraceInput weight{"w", {4, 3}}, bias{"b", {4}}, dy{"dy", {2, 4}};
  return {
      {"matmul",
       {kX, {"w", {4, 3}}},
       into({2, 4}, kF32, [](auto& b, auto& in, auto& y) { b.matmul(in[0], in[1].transpose(0, 1), y); })},
      {"linear",
       {kX, weight, bias},
       into({2, 4}, kF32,
            [](auto& b, auto& in, auto& y) { b.linear(in[0], in[1], in[2], Activation::relu, y); })},
      {"linear_grad",
       {dy, kX, weight},
       [](Backend& b, const Tensors& in) {
         Backend::LinearGrads grads{like(in[1]), like(in[2]), like(in[0], {4}), 0.5};
         b.linear_grad(in[0], in[1], in[2], grads);
         return Tensors{grads.dx, grads.dweight, grads.dbias};
       }},
  };
}

const Conv2dParams kConv{
    .stride = {2, 1}, .padding = {1, 0}, .dilation = {1, 2}, .groups = 2, .activation = Activation::relu};
const Pool2dParams kPool{.kernel = {2, 3}, .stride = {2, 1}, .padding = {1, 1}, .count_include_pad = false};

/// Images of a convolution, in the order that the device wants.
Tensor images(const Tensor& x) { return dense(x, convolution_layout(x.dtype(), x.device())); }
Tensor empty_images(const Tensor& x, const Shape& shape) {
  return empty(shape, x.dtype(), x.device(), convolution_layout(x.dtype(), x.device()));
}

std::vector<FunctionCase> convolutions() {
  const TraceInput x{"x", {2, 4, 6, 6}}, w{"w", {4, 2, 3, 3}}, bias{"b", {4}}, dy{"dy", {2, 4, 3, 2}};
  const TraceInput small{"x", {2, 2, 4, 5}}, pooled{"dy", {2, 2, 3, 5}};
  return {
      {"conv2d",
       {x, w, bias},
       [](Backend& b, const Tensors& in) {
         Tensor y = empty_images(in[0], {2, 4, 3, 2});
         b.conv2d(images(in[0]), in[1], in[2], kConv, y);
         return Tensors{y};
       }},
      {"conv2d_grad",
       {x, w, dy, dy},
       [](Backend& b, const Tensors& in) {
         Backend::Conv2dGradients grads{empty_images(in[0], in[0].shape()), like(in[1]), like(in[0], {4})};
         b.conv2d_grad(images(in[2]), images(in[3]), images(in[0]), in[1], kConv, grads);
         return Tensors{grads.dx, grads.dw, grads.db};
       }},
      {"max_pool2d",
       {small},
       into({2, 2, 3, 5}, kF32, [](auto& b, auto& in, auto& y) { b.max_pool2d(in[0], kPool, y); })},
      {"max_pool2d_grad", {small, pooled}, into([](auto& b, auto& in, auto& dx) {
         Tensor y = like(in[1]);
         b.max_pool2d(in[0], kPool, y);
         b.max_pool2d_grad(in[0], y, in[1], kPool, dx);
       })},
      {"max_pool2d_indices",
       {small},
       into({2, 2, 3, 5}, kI64, [](auto& b, auto& in, auto& y) { b.max_pool2d_indices(in[0], kPool, y); })},
      {"avg_pool2d",
       {small},
       into({2, 2, 3, 5}, kF32, [](auto& b, auto& in, auto& y) { b.avg_pool2d(in[0], kPool, y); })},
      {"avg_pool2d_grad", {small, pooled}, into([](auto& b, auto& in, auto& dx) {
         b.avg_pool2d_grad(in[1], kPool, dx);
       })},
  };
}

std::vector<FunctionCase> norms_and_losses() {
  const TraceInput x{"x", {4, 3}}, channels{"c", {3}}, more{"d", {3}};
  const TraceInput labels{"t", {2}, kI64};
  return {
      {"batch_norm_train",
       {x, channels, more},
       [](Backend& b, const Tensors& in) {
         Backend::BatchNormState state{Tensor(), Tensor(), 0, 1e-5, Activation::relu};
         Tensor y = like(in[0]), mean = like(in[1]), inv_std = like(in[1]);
         b.batch_norm_train(in[0], in[1], in[2], state, y, mean, inv_std);
         return Tensors{y, mean, inv_std};
       }},
      {"batch_norm_eval", {x, channels, more}, into([](auto& b, auto& in, auto& y) {
         b.batch_norm_eval(in[0], in[1], in[2], {square(in[1]), square(in[2]), 0.1, 1e-3, Activation::relu},
                           y);
       })},
      {"batch_norm_grad",
       {x, channels, more, {"dy", {4, 3}}},
       [](Backend& b, const Tensors& in) {
         Tensor dx = like(in[0]), dweight = like(in[1]), dbias = like(in[1]);
         b.batch_norm_grad(in[0], in[1], in[2], square(in[2]), Tensor(), in[3], dx, dweight, dbias);
         return Tensors{dx, dweight, dbias};
       }},
      {"cross_entropy",
       {kX, labels},
       [](Backend& b, const Tensors& in) {
         Backend::CrossEntropy result{like(in[0], {}), 2, like(in[0]), Tensor()};
         b.cross_entropy(in[0], in[1], result);
         return Tensors{result.loss, result.dx};
       }},
      {"cross_entropy_grad", {kX, labels, {"dloss", {2}}}, into([](auto& b, auto& in, auto& dx) {
         b.cross_entropy_grad(in[0], in[1], in[2], 3.5, dx);
       })},
  };
}

std::vector<FunctionCase> cells() {
  const TraceInput gates{"g", {2, 12}}, three{"gx", {2, 9}};
  return {
      {"lstm_cell",
       {gates, kX},
       [](Backend& b, const Tensors& in) {
         Tensor saved = like(in[0]), c = like(in[1]), h = like(in[1]);
         b.lstm_cell(in[0], in[1], saved, c, h);
         return Tensors{saved, c, h};
       }},
      {"lstm_cell_grad",
       {gates, kX, kY, kZ, {"dc", {2, 3}}},
       [](Backend& b, const Tensors& in) {
         Tensor dgates = like(in[0]), dc0 = like(in[1]);
         b.lstm_cell_grad(in[0], in[1], in[2], in[3], in[4], dgates, dc0);
         return Tensors{dgates, dc0};
       }},
      {"gru_cell",
       {three, {"gh", {2, 9}}, kX},
       [](Backend& b, const Tensors& in) {
         Tensor saved = like(in[0], {2, 12}), h = like(in[2]);
         b.gru_cell(in[0], in[1], in[2], saved, h);
         return Tensors{saved, h};
       }},
      {"gru_cell_grad",
       {gates, kX, kY},
       [](Backend& b, const Tensors& in) {
         Tensor dgx = like(in[0], {2, 9}), dgh = like(in[0], {2, 9}), dh0 = like(in[1]);
         b.gru_cell_grad(in[0], in[1], in[2], dgx, dgh, dh0);
         return Tensors{dgx, dgh, dh0};
       }},
  };
}

std::vector<FunctionCase> all_cases() {
  std::vector<FunctionCase> all;
  for (const auto& part : {elements(), products(), convolutions(), norms_and_losses(), cells()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Tensors sample_inputs(const FunctionCase& row, Device device) {
  manual_seed(5);
  Tensors inputs;
  for (const TraceInput& input : row.inputs) {
    const Tensor numbers = input.dtype == kF32 ? randn(input.shape) : rand(input.shape, 0, 2);
    inputs.push_back(
        (input.dtype == kBool ? greater(numbers, scalar(1)) : numbers.to(input.dtype)).to(device));
  }
  return inputs;
}

struct Outcome {
  Tensors results;
  std::string error;
};

Outcome outcome(const std::function<Tensors()>& f) {
  try {
    Outcome result{f(), {}};
    for (Tensor& tensor : result.results) tensor = tensor.to(kCpu);  // finds errors of the device
    return result;
  } catch (const Error& error) {
    return {{}, error.what()};
  }
}

TEST(GraphFunctions, EachHasACase) {
  std::set<std::string_view> cases, functions;
  for (const FunctionCase& row : all_cases()) cases.insert(row.name);
  for (const BackendFunction& function : backend_functions()) functions.insert(function.name);
  EXPECT_EQ(cases, functions);
}

TEST(GraphFunctions, DoTheSameAfterSavingAndLoading) {
  for (const Device device : devices()) {
    for (const FunctionCase& row : all_cases()) {
      SCOPED_TRACE(std::string(row.name) + " on " + to_string(device));
      // Asked for anew, as a trace puts itself in its place.
      const auto f = [&](const Tensors& in) { return row.call(backend_for(device), in); };
      const Graph graph = trace(f, row.inputs, {.device = device, .any_batch = false});
      EXPECT_EQ(graph.count(row.name), 1u) << to_string(graph);
      const Graph loaded = saved_and_loaded(graph, device);
      EXPECT_EQ(to_string(loaded), to_string(graph));
      const NoGrad no_grad;
      const Tensors inputs = sample_inputs(row, device);
      const Outcome want = outcome([&] { return f(inputs); }),
                    got = outcome([&] { return loaded.run(inputs); });
      EXPECT_EQ(got.error, want.error);
      ASSERT_EQ(got.results.size(), want.results.size());
      for (size_t i = 0; i < want.results.size(); ++i) expect_same_bits(got.results[i], want.results[i]);
    }
  }
}

}  // namespace
}  // namespace dlengine::test
