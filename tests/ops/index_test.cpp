// Picking by position, one-hot rows, and joining.
#include <cstdint>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/stream.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

TEST(IndexSelect, MatchesDoubleAlongEveryAxis) {
  const std::vector<int64_t> picks[] = {{2, 0, 2, 1}, {1}, {}, {0, 0, 0, 0, 0, 0, 0}};
  for (const std::vector<int64_t>& index : picks) {
    for (const int axis : {0, 1, 2, -1}) {
      for (const DType index_type : {DType::i32, DType::i64}) {
        const NdArray positions({static_cast<int64_t>(index.size())}, {index.begin(), index.end()});
        check_case({.name = "index_select",
                    .inputs = {{.shape = {3, 4, 5}}},
                    .op =
                        [&](const std::vector<Tensor>& in) {
                          return index_select(in[0], axis, to_tensor(positions, index_type, in[0].device()));
                        },
                    .reference =
                        [&](const std::vector<NdArray>& in) {
                          return reference::index_select(in[0], axis < 0 ? axis + 3 : axis, index);
                        },
                    .value = {.terms = 0},
                    .gradient = {.terms = 7}});
      }
    }
  }
}

TEST(IndexSelect, TakesEveryType) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      const NdArray x({4, 2}, {0, 1, 1, 0, 1, 1, 0, 0});
      const Tensor y =
          index_select(to_tensor(x, dtype, device), 0, from_vector<int64_t>({3, 1}, {2}, device));
      EXPECT_EQ(name(y.dtype()), name(dtype));
      expect_same(y, {0, 0, 1, 0});
    }
  }
}

TEST(IndexSelect, NamesPositionsAndTypesThatDoNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({3, 4}, DType::f32, device);
    const auto select = [&](std::vector<int64_t> index, int axis) {
      return index_select(x, axis, from_vector(index, {static_cast<int64_t>(index.size())}, device))
          .to_vector<float>();
    };
    expect_throw<ValueError>([&] { select({0, 3}, 0); }, {"index_select", "3"});
    expect_throw<ValueError>([&] { select({-1}, 1); }, {"index_select", "-1"});
    expect_throw<ShapeError>([&] { select({0}, 2); }, {"index_select", "2"});
    expect_throw<ValueError>(
        [&] {
          index_select(zeros({3, 0}, DType::f32, device), 0, full({1}, 5, DType::i64, device));
          synchronize(device);
        },
        {"index_select", "5"});
    expect_throw<DTypeError>([&] { index_select(x, 0, zeros({2}, DType::f32, device)); },
                             {"index_select", "f32"});
    expect_throw<ShapeError>(
        [&] {
          index_select(x, 0, zeros({2, 2}, DType::i64, device));
        },
        {"index_select", "[2, 2]"});
  }
}

TEST(Gather, MatchesDoubleAlongEveryAxis) {
  const struct {
    int axis;
    NdArray index;
  } rows[] = {
      {0, NdArray({2, 4}, {2, 0, 1, 2, 2, 1, 0, 2})},
      {1, NdArray({3, 2}, {3, 0, 0, 0, 1, 2})},
      {-1, NdArray({2, 5}, {3, 3, 3, 0, 1, 1, 2, 0, 3, 0})},
      {1, NdArray(Shape{3, 0})},
  };
  for (const auto& [axis, index] : rows) {
    check_case({.name = "gather",
                .inputs = {{.shape = {3, 4}}},
                .op =
                    [a = axis, &i = index](const std::vector<Tensor>& in) {
                      return gather(in[0], a, to_tensor(i, DType::i64, in[0].device()));
                    },
                .reference =
                    [a = axis, &i = index](const std::vector<NdArray>& in) {
                      return reference::gather(in[0], a < 0 ? a + 2 : a, i);
                    },
                .value = {.terms = 0},
                .gradient = {.terms = 5}});
  }
}

TEST(Gather, NamesPositionsAndShapesThatDoNotFit) {
  for (const Device device : devices()) {
    const Tensor x = zeros({3, 4}, DType::f32, device);
    const auto at = [&](const NdArray& index) { return to_tensor(index, DType::i64, device); };
    expect_throw<ValueError>(
        [&] {
          gather(x, 1, at(NdArray({1, 2}, {0, 4}))).to_vector<float>();
        },
        {"gather", "4"});
    expect_throw<ValueError>(
        [&] {
          gather(x, 0, at(NdArray({1, 2}, {0, -1}))).to_vector<float>();
        },
        {"gather", "-1"});
    expect_throw<ShapeError>([&] { gather(x, 1, at(NdArray(Shape{4, 1}))); }, {"gather", "[3, 4]", "[4, 1]"});
    expect_throw<ShapeError>([&] { gather(x, 1, at(NdArray(Shape{3}))); }, {"gather", "[3, 4]", "[3]"});
    expect_throw<DTypeError>([&] { gather(x, 1, zeros({3, 1}, DType::f32, device)); }, {"gather", "f32"});
  }
}

TEST(OneHot, PutsAOneAtEachClass) {
  for (const Device device : devices()) {
    for (const DType label_type : integer_types()) {
      const NdArray labels({2, 3}, {0, 3, 1, 2, 2, 0});
      const Tensor y = one_hot(to_tensor(labels, label_type, device), 4);
      EXPECT_EQ(name(y.dtype()), "f32");
      expect_same(y, reference::one_hot(labels, 4));
    }
    EXPECT_EQ(name(one_hot(zeros({2}, DType::i64, device), 3, DType::f64).dtype()), "f64");
    EXPECT_EQ(to_string(one_hot(zeros({0}, DType::i64, device), 3).shape()), "[0, 3]");
    const auto encode = [&](double label) {
      return one_hot(full({1}, label, DType::i64, device), 4).to_vector<float>();
    };
    expect_throw<ValueError>([&] { encode(4); }, {"one_hot: label 4 of row 0", "classes 0 .. 3"});
    expect_throw<ValueError>([&] { encode(-1); }, {"one_hot: label -1 of row 0", "classes 0 .. 3"});
    expect_throw<DTypeError>([&] { one_hot(zeros({2}, DType::f32, device), 3); }, {"one_hot", "f32"});
  }
}

TEST(Concat, MatchesDoubleAlongEveryAxis) {
  const struct {
    int axis;
    std::vector<Shape> shapes;
  } rows[] = {
      {0, {{2, 3}, {1, 3}, {4, 3}}},  {1, {{2, 3}, {2, 1}}},
      {-1, {{2, 3, 4}, {2, 3, 5}}},   {0, {{3}}},
      {0, {{0, 2}, {3, 2}}},          {1, {{2, 3, 2}, {2, 0, 2}, {2, 2, 2}}},
      {0, {{1}, {2}, {1}, {3}, {2}}},
  };
  for (const auto& [axis, shapes] : rows) {
    OpCase row{.name = "concat",
               .inputs = {},
               .op = [a = axis](const std::vector<Tensor>& in) { return concat(in, a); },
               .reference =
                   [a = axis](const std::vector<NdArray>& in) {
                     return reference::concat(in, a < 0 ? a + in[0].shape.rank() : a);
                   },
               .value = {.terms = 0}};
    for (const Shape& shape : shapes) row.inputs.push_back({.shape = shape});
    check_case(row);
  }
}

TEST(Stack, MatchesDoubleAlongEveryAxis) {
  for (const int axis : {0, 1, 2, -1}) {
    check_case({.name = "stack",
                .inputs = {{.shape = {2, 3}}, {.shape = {2, 3}}, {.shape = {2, 3}}},
                .op = [=](const std::vector<Tensor>& in) { return stack(in, axis); },
                .reference =
                    [=](const std::vector<NdArray>& in) {
                      const int position = axis < 0 ? axis + 3 : axis;
                      std::vector<NdArray> parts = in;
                      for (NdArray& part : parts) part.shape.insert(position, 1);
                      return reference::concat(parts, position);
                    },
                .value = {.terms = 0}});
  }
}

TEST(Concat, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const auto f32 = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    expect_throw<ValueError>([&] { concat({}); }, {"concat"});
    expect_throw<ValueError>([&] { stack({}); }, {"stack"});
    expect_throw<ShapeError>([&] { concat({f32({2, 3}), f32({2, 4})}); }, {"concat", "[2, 3]", "[2, 4]"});
    expect_throw<ShapeError>([&] { concat({f32({2, 3}), f32({3})}, 1); }, {"concat", "[2, 3]", "[3]"});
    expect_throw<ShapeError>([&] { concat({f32({2, 3})}, 2); }, {"concat", "2"});
    expect_throw<ShapeError>([&] { stack({f32({2}), f32({3})}); }, {"stack", "[2]", "[3]"});
    expect_throw<DTypeError>(
        [&] {
          concat({f32({2}), zeros({2}, DType::f64, device)});
        },
        {"concat", "f32", "f64"});
  }
}

}  // namespace
}  // namespace dlengine::test
