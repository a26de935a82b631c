// Rows of a table.
#include "dlengine/core/ops/embedding.h"

#include "dlengine/core/factory.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

TEST(EmbeddingOp, MatchesDouble) {
  const std::vector<int64_t> picks[] = {{2, 0, 2, 3}, {1}, {}, {0, 0, 0, 3, 0, 1, 0}};
  for (const std::vector<int64_t>& index : picks) {
    for (const DType index_type : {DType::i32, DType::i64}) {
      const NdArray numbers({1, static_cast<int64_t>(index.size())}, {index.begin(), index.end()});
      check_case({.name = "embedding",
                  .inputs = {{.shape = {4, 5}}},
                  .op =
                      [&](const std::vector<Tensor>& in) {
                        return embedding(in[0], to_tensor(numbers, index_type, in[0].device()));
                      },
                  .reference =
                      [&](const std::vector<NdArray>& in) {
                        NdArray y = reference::index_select(in[0], 0, index);
                        y.shape = {1, y.shape[0], y.shape[1]};
                        return y;
                      },
                  .value = {.terms = 0},
                  .gradient = {.terms = 7}});
    }
  }
}

TEST(EmbeddingOp, TakesAnyShapeOfIndexAndViews) {
  for (const Device device : devices()) {
    const Tensor table = arange(0, 8, 1, DType::f32, device).reshape({4, 2});
    const Tensor index = from_vector<int64_t>({3, 1, 0, 2}, {2, 2}, device).transpose(0, 1);
    const Tensor y = embedding(table, index);
    EXPECT_EQ(y.shape(), (Shape{2, 2, 2}));
    expect_same(y, {6, 7, 0, 1, 2, 3, 4, 5});
    EXPECT_EQ(embedding(table, zeros({}, DType::i32, device)).shape(), (Shape{2}));
  }
}

TEST(EmbeddingOp, GivesThePaddingNoGradient) {
  for (const Device device : devices()) {
    Tensor table = ones({3, 2}, DType::f32, device).set_requires_grad();
    const Tensor index = from_vector<int64_t>({1, 2, 1, 0}, {4}, device);
    embedding(table, index, 1).backward(ones({4, 2}, DType::f32, device));
    expect_same(table.grad(), {1, 1, 0, 0, 1, 1});
  }
}

TEST(EmbeddingOp, NamesNumbersAndTypesThatDoNotFit) {
  for (const Device device : devices()) {
    const Tensor table = zeros({3, 2}, DType::f32, device);
    const auto look_up = [&](int64_t number) {
      return embedding(table, from_vector<int64_t>({0, number}, {2}, device)).to_vector<float>();
    };
    expect_throw<ValueError>([&] { look_up(3); }, {"index_select", "3", "outside of 0 .. 2"});
    expect_throw<ValueError>([&] { look_up(-1); }, {"index_select", "-1"});
    expect_throw<DTypeError>([&] { embedding(table, zeros({2}, DType::f32, device)); },
                             {"embedding: need numbers of rows as i32 or i64, got f32", "u8"});
    const Tensor index = zeros({2}, DType::i64, device);
    expect_throw<ShapeError>([&] { embedding(zeros({3}, DType::f32, device), index); },
                             {"embedding: need a table [K, E], got [3]"});
    expect_throw<ValueError>([&] { embedding(table, index, 3); },
                             {"embedding: there is no row 3 for padding in a table [3, 2]"});
    expect_throw<ValueError>([&] { embedding(table, index, -2); }, {"no row -2"});
  }
  expect_throw<ValueError>(
      [] {
        embedding(zeros({3, 2}), from_vector<int64_t>({5}, {1}));
      },
      {"embedding: index_select: index 5"});
}

}  // namespace
}  // namespace dlengine::test
