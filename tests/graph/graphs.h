// Models and helpers for tests of graphs.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/graph.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/random.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {

/// Convolutions of every kind, batch norm, pooling, dropout, and a skip connection written by hand.
class SmallResidual final : public Module {
 public:
  SmallResidual() {
    stem_.add(Conv2d({.in_channels = 3, .out_channels = 16, .kernel = 3, .padding = 1}))
        .add(BatchNorm2d({.num_features = 16}))
        .add(ReLU());
    body_.add(Conv2d({.in_channels = 16, .out_channels = 16, .kernel = 3, .padding = 1}))
        .add(BatchNorm2d({.num_features = 16}))
        .add(Dropout(0.5));
    head_.add(MaxPool2d({.kernel = 2})).add(Flatten()).add(Linear({.out_features = 5})).add(LogSoftmax());
  }
  std::string_view type_name() const override { return "SmallResidual"; }
  Tensor forward(const Tensor& x) override {
    const Tensor stem = stem_(x);
    return head_(relu(stem + body_(stem)));
  }
  void visit(ModuleVisitor& visitor) override {
    visitor.child("stem", stem_);
    visitor.child("body", body_);
    visitor.child("head", head_);
  }

 private:
  Sequential stem_, body_, head_;
};

/// A module of one function; it may hold a tensor that no state names.
class Function final : public Module {
 public:
  explicit Function(std::function<Tensor(const Tensor&)> f) : f_(std::move(f)) {}
  std::string_view type_name() const override { return "Function"; }
  Tensor forward(const Tensor& x) override { return f_(x); }

 private:
  std::function<Tensor(const Tensor&)> f_;
};

/// Statistics of batch norms that are not the first ones.
inline void collect_statistics(Module& model, const Shape& input, Device device, DType dtype = DType::f32) {
  const NoGrad no_grad;
  for (int i = 0; i < 2; ++i) model(randn(input, 1, 2, dtype, device));
}

inline Tensor evaluated(Module& model, const Tensor& x) {
  const NoGrad no_grad;
  const EvaluationMode evaluation(model);
  return model(x);
}

inline void expect_same_bits(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.dtype(), want.dtype());
  ASSERT_EQ(got.shape(), want.shape());
  const NoGrad no_grad;
  const Tensor a = got.to(kCpu).contiguous(), b = want.to(kCpu).contiguous();
  const size_t bytes = static_cast<size_t>(a.numel()) * size_of(a.dtype());
  EXPECT_TRUE(bytes == 0 || std::memcmp(a.raw(), b.raw(), bytes) == 0);
}

/// The graph as a file has it.
inline Graph saved_and_loaded(const Graph& graph, Device device) {
  const TempDir dir;
  graph.save(dir / "graph");
  return Graph::load(dir / "graph", device);
}

}  // namespace dlengine::test
