// Indexing, reductions, products and rearranging against what NumPy stored, and gradients of each against
// differences.
#include <gtest/gtest.h>

#include <functional>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/gradcheck.h"
#include "dlengine/core/ops.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

const Golden& golden() {
  static const Golden file("numpy.safetensors");
  return file;
}

using Function = std::function<Tensor(const Tensor&)>;

struct Row {
  const char* name;
  Function f;
  bool has_gradient = true;
};

const Row kIndexed[] = {
    {"range", [](auto& x) { return x.index({Slice(1, 3)}); }},
    {"position", [](auto& x) { return x.index({1}); }},
    {"negative_position",
     [](auto& x) {
       return x.index({kEllipsis, -2});
     }},
    {"mixed",
     [](auto& x) {
       return x.index({Slice(0, 2), 1, Slice(-3)});
     }},
    {"steps",
     [](auto& x) {
       return x.index({Slice(0, kEnd, 2), Slice(1, kEnd, 2), Slice(0, kEnd, 3)});
     }},
    {"negative_ends",
     [](auto& x) {
       return x.index({Slice(0, -1), Slice(-3, -1), Slice(1, -1)});
     }},
    {"beyond",
     [](auto& x) {
       return x.index({Slice(5, 9), Slice(0, 100)});
     }},
    {"ellipsis",
     [](auto& x) {
       return x.index({kEllipsis, 0});
     }},
    {"ellipsis_of_nothing",
     [](auto& x) {
       return x.index({1, kEllipsis, 2, 3});
     }},
    {"new_axes",
     [](auto& x) {
       return x.index({kNewAxis, Slice(), 2, kNewAxis, kEllipsis, kNewAxis});
     }},
    {"number",
     [](auto& x) {
       return x.index({2, 3, 4});
     }},
    {"all", [](auto& x) { return x.index({Slice()}); }},
};

const Row kReduced[] = {
    {"cumsum", [](auto& x) { return cumsum(x, 1); }},
    {"cumsum_first", [](auto& x) { return cumsum(x, 0); }},
    {"var", [](auto& x) { return var(x); }},
    {"var_axes",
     [](auto& x) {
       return var(x, {.axes = {0, 2}});
     }},
    {"var_unbiased", [](auto& x) { return var(x, {.axes = {-1}, .keep_axes = true, .correction = 1}); }},
    {"std", [](auto& x) { return stddev(x, {.axes = {1}}); }},
    {"sort", [](auto& x) { return sort(x, 1); }},
    {"sort_falling", [](auto& x) { return sort(x, -1, true); }},
    {"argsort", [](auto& x) { return argsort(x, 0); }, false},
    {"min",
     [](auto& x) {
       return min(x, {.axes = {0, 1}});
     }},
    {"argmax", [](auto& x) { return argmax(x, 1); }, false},
    {"clip", [](auto& x) { return clip(x, -0.5, 0.75); }},
    {"any", [](auto& x) { return any(greater(x, full({}, 2, x.dtype(), x.device())), {.axes = {0}}); },
     false},
    {"all", [](auto& x) { return all(less(x, full({}, 1.5, x.dtype(), x.device())), {.axes = {2}}); }, false},
};

const Row kArranged[] = {
    {"flip", [](auto& x) { return flip(x); }},
    {"flip_axes",
     [](auto& x) {
       return flip(x, {0, -1});
     }},
    {"pad",
     [](auto& x) {
       return pad(x, {{1, 2}, {0, 0}, {0, 3}}, -1);
     }},
    {"pad_all",
     [](auto& x) {
       return pad(x, {{1, 1}});
     }},
    {"tile",
     [](auto& x) {
       return tile(x, {2, 1, 3});
     }},
    {"tile_new_axes",
     [](auto& x) {
       return tile(x, {2, 1, 1, 2});
     }},
    {"tile_short", [](auto& x) { return tile(x, {2}); }},
    {"repeat", [](auto& x) { return repeat(x, 3, 1); }},
    {"split0", [](auto& x) { return split(x, 2, 1)[0]; }},
    {"split1",
     [](auto& x) {
       return split(x, {2, 2}, 1)[1];
     }},
};

void check_row(const std::string& group, const Row& row) {
  for (const Device device : devices()) {
    SCOPED_TRACE(group + row.name + " on " + to_string(device));
    const Tensor stored = golden().at("x").to(device);
    const NdArray want = to_ndarray(golden().at(group + row.name));
    for (const bool transposed : {false, true}) {  // as stored, and with the first axis the fastest in memory
      const Tensor x = transposed ? stored.permute({2, 1, 0}).clone().permute({2, 1, 0}) : stored;
      expect_close(row.f(x), want, tolerance(DType::f64, {.terms = 60}));
      if (!row.has_gradient) continue;
      const auto f = [&](const std::vector<Tensor>& inputs) { return row.f(inputs[0]); };
      EXPECT_TRUE(gradcheck(f, {x.detach().set_requires_grad()}).passed);
    }
  }
}

TEST(NumPy, IndexesAlike) {
  for (const Row& row : kIndexed) check_row("index.", row);
}

TEST(NumPy, ReducesAlike) {
  for (const Row& row : kReduced) check_row("reduce.", row);
}

TEST(NumPy, ArrangesAlike) {
  for (const Row& row : kArranged) check_row("arrange.", row);
}

// --- Products ---

void check_product(const std::string& name, const Tensor& a, const Tensor& b,
                   const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  SCOPED_TRACE(name + " on " + to_string(a.device()));
  expect_close(f(a, b), to_ndarray(golden().at(name)), tolerance(DType::f64, {.terms = 12, .magnitude = 4}));
  const auto of_two = [&](const std::vector<Tensor>& inputs) { return f(inputs[0], inputs[1]); };
  EXPECT_TRUE(gradcheck(of_two, {a.detach().set_requires_grad(), b.detach().set_requires_grad()}).passed);
}

Tensor operand(const std::string& name, Device device) { return golden().at("product." + name).to(device); }

TEST(NumPy, DotsOfEveryRankAlike) {
  for (const Device device : devices()) {
    for (const std::string names : {"ss", "sm", "vs", "vw", "mv", "vn", "mn", "tv", "tn", "vu", "mu", "tu"}) {
      check_product("dot." + names, operand(names.substr(0, 1), device), operand(names.substr(1), device),
                    dot);
    }
  }
}

TEST(NumPy, TensordotsAlike) {
  for (const Device device : devices()) {
    const Tensor t = operand("t", device), u = operand("u", device), m = operand("m", device),
                 v = operand("v", device);
    check_product("tensordot.two", t, m, [](auto& a, auto& b) { return tensordot(a, b); });
    check_product("tensordot.none", m, v, [](auto& a, auto& b) { return tensordot(a, b, 0); });
    check_product("tensordot.lists", t, u, [](auto& a, auto& b) { return tensordot(a, b, {1, 2}, {2, 1}); });
    check_product("tensordot.negative", t, u, [](auto& a, auto& b) { return tensordot(a, b, {-1}, {-2}); });
    check_product("outer", m, v, outer);
  }
}

TEST(Products, OfNothingAreZero) {
  for (const Device device : devices()) {
    const Tensor none = zeros({3, 0}, DType::f32, device);
    expect_same(tensordot(none, zeros({0, 2}, DType::f32, device), 1), NdArray({3, 2}));
    expect_same(dot(zeros({0}, DType::f32, device), zeros({0}, DType::f32, device)), NdArray(Shape{}));
    EXPECT_EQ(outer(none, ones({2}, DType::f32, device)).shape(), (Shape{0, 2}));
  }
}

TEST(Products, NameAxesThatDoNotFit) {
  const Tensor a = zeros({2, 3}), b = zeros({4, 5});
  expect_throw<ShapeError>([&] { dot(a, b); }, {"dot", "[2, 3]", "axis 0", "[4, 5]"});
  expect_throw<ShapeError>([&] { tensordot(a, b); },
                           {"tensordot", "axis 0 of a [2, 3]", "axis 0 of b [4, 5]"});
  expect_throw<ShapeError>([&] { tensordot(a, b, 3); }, {"tensordot", "3 axes"});
  expect_throw<ShapeError>([&] { tensordot(a, b, {0, 0}, {0, 1}); }, {"tensordot", "axis 0 is named twice"});
  expect_throw<ShapeError>([&] { tensordot(a, b, {0}, {0, 1}); }, {"tensordot", "1 axes of a and 2 of b"});
  expect_throw<ShapeError>([&] { tensordot(a, b, {2}, {0}); }, {"tensordot", "axis 2"});
  expect_throw<DTypeError>([&] { tensordot(a, b.to(DType::f64), 0); }, {"tensordot", "f32", "f64"});
  expect_throw<ValueError>([&] { dot(a, {}); }, {"dot", "undefined"});
  expect_throw<DTypeError>([&] { dot(a, zeros({3, 1}, DType::i64)); }, {"dot: ", "i64"});
  expect_throw<DTypeError>([&] { dot(zeros({2}, DType::boolean), zeros({2}, DType::i64)); },
                           {"dot: ", "bool"});
}

// --- What has no counterpart in NumPy, and messages ---

TEST(Index, IsAViewThatCanBeWritten) {
  Tensor x = zeros({2, 3});
  x.index({0, Slice(1)}).fill_(7);
  expect_same(x, NdArray({2, 3}, {0, 7, 7, 0, 0, 0}));
  EXPECT_EQ(x.index({kNewAxis, 1}).storage(), x.storage());
  EXPECT_EQ(x.ndim(), 2);
}

TEST(Index, NamesWhatDoesNotFit) {
  const Tensor x = zeros({2, 3});
  expect_throw<ShapeError>([&] { x.index({0, 0, 0}); }, {"index", "3 positions and slices", "[2, 3]"});
  expect_throw<ShapeError>(
      [&] {
        x.index({kEllipsis, kEllipsis});
      },
      {"index", "2 ellipses, only one may be"});
  expect_throw<ValueError>([&] { x.index({Slice(), 3}); }, {"index", "position 3", "axis 1", "[2, 3]"});
  expect_throw<ValueError>([&] { x.index({0, -4}); }, {"index", "position -4", "axis 1"});
  expect_throw<ValueError>([&] { x.index({Slice(0, kEnd, -1)}); }, {"index", "step", "got -1", "flip()"});
  expect_throw<ValueError>([&] { x.slice(0, 0, kEnd, -2); }, {"slice", "got -2", "flip()"});
  expect_throw<ShapeError>([] { zeros({1, 1, 1, 1, 1, 1, 1, 1}).index({kNewAxis}); }, {"8 axes"});
}

TEST(Arrange, NamesWhatDoesNotFit) {
  const Tensor x = zeros({6, 2});
  expect_throw<ShapeError>([&] { flip(x, {2}); }, {"flip", "axis 2"});
  expect_throw<ValueError>([&] { split(x, 4); }, {"split", "axis 0 of [6, 2]", "4 equal parts"});
  expect_throw<ValueError>([&] { split(x, 0); }, {"split", "0 equal parts"});
  expect_throw<ValueError>([&] { split(x, {1, 2}); }, {"split", "add up", "[1, 2]"});
  expect_throw<ValueError>([&] { split(x, {7, -1}); }, {"split", "[7, -1]"});
  expect_throw<ShapeError>([&] { pad(x, {{1, 1}, {0, 0}, {0, 0}}); }, {"pad", "[6, 2]", "got 3"});
  expect_throw<ValueError>([&] { pad(x, {{0, -1}}); }, {"pad", "0 and -1", "axis 0"});
  expect_throw<ValueError>([&] { tile(x, {-1}); }, {"tile", "[-1]"});
  expect_throw<ValueError>([&] { repeat(x, -2, 0); }, {"repeat", "got -2"});
}

TEST(Arrange, TakesEveryTypeAndEmptyTensors) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      const Tensor x = to_tensor(NdArray({3}, {1, 0, 1}), dtype, device);
      expect_same(pad(x, {{1, 0}}, 1), {1, 1, 0, 1});
      expect_same(flip(pad(x, {{1, 0}})), {1, 0, 1, 0});
      expect_same(tile(x, {2}), {1, 0, 1, 1, 0, 1});
      expect_same(repeat(x, 2, 0), {1, 1, 0, 0, 1, 1});
      EXPECT_EQ(tile(x, {0}).shape(), Shape{0});
      EXPECT_EQ(repeat(x, 0, 0).shape(), Shape{0});
      EXPECT_EQ(split(x, {3, 0})[1].shape(), Shape{0});
    }
    const Tensor none = zeros({0, 2}, DType::f32, device);
    EXPECT_EQ(flip(none).shape(), (Shape{0, 2}));
    expect_same(pad(none, {{0, 1}, {0, 0}}, 3), NdArray({1, 2}, {3, 3}));
  }
}

}  // namespace
}  // namespace dlengine::test
