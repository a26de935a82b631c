// What the CPU backend promises beyond right results: the number of threads changes no bit where that is
// promised, random elements are functions of key and position, and threads of the caller may compute side by
// side.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "dlengine/core/backend.h"
#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/image_layout.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/philox.h"
#include "dlengine/kernels/functors.h"

namespace dlengine::test {
namespace {

class Cpu : public ::testing::Test {
 protected:
  void TearDown() override { set_num_threads(threads_); }
  Backend& backend_ = backend_for(kCpu);
  Generator generator_{7};
  Tensor normal(const Shape& shape, DType dtype = DType::f32) {
    return randn(shape, 0, 1, dtype, kCpu, generator_);
  }

 private:
  int threads_ = num_threads();
};

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.numel() == b.numel() && std::memcmp(a.raw(), b.raw(), size_t(a.numel()) * size_of(a.dtype())) == 0;
}

/// f(y) gives the same bits for 1 to 4 threads.
void expect_same_for_all_threads(const char* what, const Shape& shape, DType dtype,
                                 const std::function<void(Tensor&)>& f) {
  Tensor first;
  for (int threads = 1; threads <= 4; ++threads) {
    set_num_threads(threads);
    Tensor y = full(shape, 3, dtype);
    f(y);
    if (threads == 1) first = y;
    EXPECT_TRUE(same_bits(first, y)) << what << " in " << name(dtype) << " with " << threads << " threads";
  }
}

TEST_F(Cpu, ReductionsDoNotDependOnTheThreads) {
  for (const DType dtype : {DType::f16, DType::f32, DType::f64}) {
    const Tensor x = normal({16, 8, 27, 25}, dtype);
    for (const Shape& shape :
         {Shape{1, 8, 1, 1}, Shape{1, 1, 1, 1}, Shape{1, 8, 27, 25}, Shape{16, 8, 27, 1}}) {
      expect_same_for_all_threads("sum", shape, dtype,
                                  [&](Tensor& y) { backend_.reduce(ReduceOp::sum, x, y); });
    }
  }
}

TEST_F(Cpu, WeightGradientsDoNotDependOnTheThreads) {
  const Tensor x = dense(normal({64, 16, 14, 14}), ImageLayout::channels_last);
  const Tensor dy = dense(normal({64, 24, 12, 12}), ImageLayout::channels_last);
  expect_same_for_all_threads("conv2d_grad_weight", {24, 16, 3, 3}, DType::f32, [&](Tensor& dw) {
    Backend::Conv2dGradients gradients;
    gradients.dw = dw;
    backend_.conv2d_grad(dy, Tensor(), x, ones(dw.shape()), {}, gradients);
  });
}

TEST_F(Cpu, ChannelsLastImagesDoNotDependOnTheThreads) {
  for (const int64_t channels : {6, 20, 64}) {
    const Shape shape{16, channels, 28, 28};
    const Tensor x = dense(normal(shape), ImageLayout::channels_last), w = ones({channels});
    const auto run = [&](const char* what, const Shape& result,
                         const std::function<Tensor(const Tensor&)>& op) {
      expect_same_for_all_threads(what, result, DType::f32, [&](Tensor& y) { y.copy_(op(x)); });
      expect_same_for_all_threads(what, shape, DType::f32, [&](Tensor& dx) {
        Tensor leaf = x.detach();
        leaf.set_requires_grad();
        const Tensor y = op(leaf);
        y.backward(y.detach());
        dx.copy_(leaf.grad());
      });
    };
    run("batch_norm", shape, [&](const Tensor& in) { return batch_norm(in, w, w, {}, {}); });
    run("max_pool2d", {16, channels, 14, 14}, [](const Tensor& in) { return max_pool2d(in, {}); });
    run("max_pool2d", {16, channels, 13, 13},
        [](const Tensor& in) { return max_pool2d(in, {.kernel = 3, .stride = 2}); });
    run("avg_pool2d", {16, channels, 14, 14}, [](const Tensor& in) { return avg_pool2d(in, {.kernel = 2}); });
    run("dropout", shape, [](const Tensor& in) {
      Generator generator(3);
      return dropout(in, 0.3, generator);
    });
  }
}

TEST_F(Cpu, RandomNumbersDoNotDependOnTheThreads) {
  const PhiloxKey key{5, 9};
  const Tensor x = ones({100003});
  const Shape shape = x.shape();
  expect_same_for_all_threads("uniform", shape, DType::f32,
                              [&](Tensor& y) { backend_.uniform(y, -2, 5, key); });
  expect_same_for_all_threads("normal", shape, DType::f32, [&](Tensor& y) { backend_.normal(y, 1, 2, key); });
  expect_same_for_all_threads("dropout", shape, DType::f32,
                              [&](Tensor& y) { backend_.dropout(x, 0.3, key, y); });
}

TEST_F(Cpu, ElementsUseTheWordsOfTheirPosition) {
  const PhiloxKey key{5, 9};
  Tensor uniform = empty({1001}), kept = empty({1001});
  backend_.uniform(uniform, 0, 1, key);
  backend_.dropout(ones({1001}), 0.25, key, kept);
  for (int64_t i = 0; i < 1001; ++i) {
    const uint32_t word = philox_word(key, uint64_t(i));
    ASSERT_EQ(uniform.data<float>()[i], uniform_from_bits(word)) << i;
    ASSERT_EQ(kept.data<float>()[i], word >= dropout_threshold(0.25) ? float(1 / 0.75) : 0.0f) << i;
  }
}

TEST_F(Cpu, UniformStaysBelowItsEndInEveryType) {
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    Tensor y = empty({50000}, dtype);
    backend_.uniform(y, 0, 1, {1, 2});
    for (const double value : y.to_vector<double>())
      ASSERT_TRUE(value >= 0 && value < 1) << name(dtype) << value;
  }
}

TEST_F(Cpu, MaxPoolingPassesNanAndItsGradientGoesThere) {
  Tensor x = ones({1, 1, 4, 4}), y = empty({1, 1, 2, 2}), dx = full({1, 1, 4, 4}, 9);
  x.data<float>()[5] = NAN;
  for (const Size2 kernel : {Size2(2), Size2(3)}) {  // the usual case has loops of its own
    const Pool2dParams params{.kernel = kernel, .stride = 2, .padding = kernel.h - 2};
    backend_.max_pool2d(x, params, y);
    EXPECT_TRUE(std::isnan(y.data<float>()[0]));
    backend_.max_pool2d_grad(x, y, ones({1, 1, 2, 2}), params, dx);
    EXPECT_GE(dx.data<float>()[5], 1) << kernel.h;
    EXPECT_EQ(sum(dx).item<float>(), 4) << kernel.h;
  }
}

TEST_F(Cpu, ThreadsOfTheCallerComputeSideBySide) {
  const Tensor x = normal({8, 3, 12, 12}), w = normal({4, 3, 3, 3}), m = normal({40, 50});
  const Tensor convolved = conv2d(x, w, {}), product = matmul(m, m.transpose(0, 1));
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        count += !same_bits(conv2d(x, w, {}), convolved);
        count += !same_bits(matmul(m, m.transpose(0, 1)), product);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST_F(Cpu, ErrorsOfAThreadReachTheCaller) {
  const Tensor x = zeros({4096, 10});
  Tensor labels = zeros({4096}, DType::i64);
  Backend::CrossEntropy result;
  result.loss = empty({4096});
  labels.data<int64_t>()[4000] = 10;
  try {
    backend_.cross_entropy(x, labels, result);
    FAIL() << "no error";
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "cross_entropy: label 10 of row 4000 is outside of the classes 0 .. 9");
  }
}

}  // namespace
}  // namespace dlengine::test
