// Views: what they show, that they share elements, and their gradients.
#include <cstdint>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

struct ViewRow {
  const char* name;
  Shape shape;
  std::function<Tensor(const Tensor&)> op;
  std::function<NdArray(const NdArray&)> reference;
  friend std::ostream& operator<<(std::ostream& out, const ViewRow& row) { return out << row.name; }
};

NdArray reshaped(NdArray x, const Shape& shape) {
  x.shape = shape;
  return x;
}

const ViewRow kViews[] = {
    {"slice",
     {7, 3},
     [](auto& x) { return x.slice(0, 2, 5); },
     [](auto& x) { return reference::slice(x, 0, 2, 3, 1); }},
    {"slice_with_step",
     {3, 7},
     [](auto& x) { return x.slice(1, 1, kEnd, 2); },
     [](auto& x) { return reference::slice(x, 1, 1, 3, 2); }},
    {"slice_from_the_end",
     {7, 3},
     [](auto& x) { return x.slice(-2, -3, -1); },
     [](auto& x) { return reference::slice(x, 0, 4, 2, 1); }},
    {"slice_of_nothing",
     {7, 3},
     [](auto& x) { return x.slice(0, 5, 2); },
     [](auto& x) { return reference::slice(x, 0, 0, 0, 1); }},
    {"slice_of_slice",
     {9, 3},
     [](auto& x) { return x.slice(0, 1, 8, 2).slice(0, 1, kEnd, 2); },
     [](auto& x) { return reference::slice(x, 0, 3, 2, 4); }},
    {"select",
     {3, 4, 2},
     [](auto& x) { return x.select(1, 2); },
     [](auto& x) {
       return reshaped(reference::slice(x, 1, 2, 1, 1), {3, 2});
     }},
    {"select_from_the_end",
     {3, 4},
     [](auto& x) { return x.select(-1, -4); },
     [](auto& x) { return reshaped(reference::slice(x, 1, 0, 1, 1), {3}); }},
    {"transpose",
     {3, 4, 2},
     [](auto& x) { return x.transpose(0, -1); },
     [](auto& x) {
       return reference::permute(x, {2, 1, 0});
     }},
    {"permute",
     {3, 4, 2},
     [](auto& x) {
       return x.permute({2, 0, 1});
     },
     [](auto& x) {
       return reference::permute(x, {2, 0, 1});
     }},
    {"permute_negative",
     {3, 4, 2},
     [](auto& x) {
       return x.permute({-1, 0, -2});
     },
     [](auto& x) {
       return reference::permute(x, {2, 0, 1});
     }},
    {"reshape",
     {3, 4, 2},
     [](auto& x) {
       return x.reshape({4, 6});
     },
     [](auto& x) {
       return reshaped(x, {4, 6});
     }},
    {"reshape_rest",
     {3, 4, 2},
     [](auto& x) {
       return x.reshape({2, -1, 3});
     },
     [](auto& x) {
       return reshaped(x, {2, 4, 3});
     }},
    {"reshape_after_transpose",
     {3, 4},
     [](auto& x) {
       return x.transpose(0, 1).reshape({6, 2});
     },
     [](auto& x) {
       return reshaped(reference::permute(x, {1, 0}), {6, 2});
     }},
    {"reshape_scalar",
     {1, 1},
     [](auto& x) { return x.reshape({}); },
     [](auto& x) { return reshaped(x, {}); }},
    {"reshape_empty",
     {0, 3},
     [](auto& x) {
       return x.reshape({3, 0, 2});
     },
     [](auto& x) {
       return reshaped(x, {3, 0, 2});
     }},
    {"flatten",
     {3, 4, 2},
     [](auto& x) { return x.flatten(1); },
     [](auto& x) {
       return reshaped(x, {3, 8});
     }},
    {"flatten_scalar", {}, [](auto& x) { return x.flatten(); }, [](auto& x) { return reshaped(x, {1}); }},
    {"squeeze",
     {1, 3, 1, 2},
     [](auto& x) { return x.squeeze(); },
     [](auto& x) {
       return reshaped(x, {3, 2});
     }},
    {"squeeze_one",
     {1, 3, 1},
     [](auto& x) { return x.squeeze(-1); },
     [](auto& x) {
       return reshaped(x, {1, 3});
     }},
    {"unsqueeze",
     {3, 2},
     [](auto& x) { return x.unsqueeze(1); },
     [](auto& x) {
       return reshaped(x, {3, 1, 2});
     }},
    {"unsqueeze_last",
     {3, 2},
     [](auto& x) { return x.unsqueeze(-1); },
     [](auto& x) {
       return reshaped(x, {3, 2, 1});
     }},
    {"expand",
     {3, 1, 2},
     [](auto& x) {
       return x.expand({4, 3, 5, 2});
     },
     [](auto& x) {
       return reference::expand(x, {4, 3, 5, 2});
     }},
    {"expand_some",
     {3, 1, 2},
     [](auto& x) {
       return x.expand({4, -1, 5, -1});
     },
     [](auto& x) {
       return reference::expand(x, {4, 3, 5, 2});
     }},
    {"expand_scalar",
     {},
     [](auto& x) {
       return x.expand({2, 3});
     },
     [](auto& x) {
       return reference::expand(x, {2, 3});
     }},
    {"contiguous",
     {3, 4},
     [](auto& x) { return x.transpose(0, 1).contiguous(); },
     [](auto& x) {
       return reference::permute(x, {1, 0});
     }},
    {"clone", {3, 4}, [](auto& x) { return x.clone(); }, [](auto& x) { return x; }},
};

class View : public ::testing::TestWithParam<ViewRow> {};

TEST_P(View, ShowsTheRightElementsAndSendsGradientsBack) {
  const ViewRow& row = GetParam();
  check_case({.name = row.name,
              .inputs = {{.shape = row.shape}},
              .op = [&](const std::vector<Tensor>& in) { return row.op(in[0]); },
              .reference = [&](const std::vector<NdArray>& in) { return row.reference(in[0]); },
              .value = {.terms = 0},
              .gradient = {.terms = 20}});  // expand sums up to 20 elements
}

INSTANTIATE_TEST_SUITE_P(All, View, ::testing::ValuesIn(kViews),
                         [](const auto& test) { return test.param.name; });

TEST(Slice, ClipsPositionsAsNumPyDoes) {
  const Tensor x = arange(0, 5);
  const struct {
    int64_t start, stop, step;
    std::vector<double> want;  // of np.arange(5)[start:stop:step]
  } rows[] = {
      {0, kEnd, 1, {0, 1, 2, 3, 4}},
      {-2, kEnd, 1, {3, 4}},
      {-9, 2, 1, {0, 1}},
      {1, 99, 2, {1, 3}},
      {3, 1, 1, {}},
      {5, kEnd, 1, {}},
      {99, kEnd, 1, {}},
      {0, -9, 1, {}},
      {0, -1, 3, {0, 3}},
      {4, 5, 7, {4}},
  };
  for (const auto& [start, stop, step, want] : rows) {
    SCOPED_TRACE(std::to_string(start) + ":" + std::to_string(stop) + ":" + std::to_string(step));
    expect_same(x.slice(0, start, stop, step), want);
  }
}

TEST(View, SharesElementsBothWays) {
  for (const Device device : devices()) {
    const Tensor x = zeros({3, 4}, DType::f32, device);
    x.slice(0, 1, 2).fill_(5);
    x.transpose(0, 1).select(0, 3).fill_(7);
    x.reshape({2, 6}).slice(0, 0, 1).slice(1, 0, 1).fill_(9);
    expect_same(x, {9, 0, 0, 7, 5, 5, 5, 7, 0, 0, 0, 7});
    EXPECT_EQ(x.slice(1, 2).storage(), x.storage());
    EXPECT_EQ(x.contiguous().storage(), x.storage());
    EXPECT_NE(x.clone().storage(), x.storage());
    EXPECT_NE(x.transpose(0, 1).reshape({12}).storage(), x.storage());
  }
}

TEST(View, KeepsStridesWithoutCopyingWhereReshapeCan) {
  const Tensor x = zeros({4, 6, 5}).slice(1, 0, 3);  // rows of 15 with gaps
  EXPECT_EQ(x.reshape({4, 15}).storage(), x.storage());
  EXPECT_EQ(x.reshape({2, 2, 3, 5}).storage(), x.storage());
  EXPECT_NE(x.reshape({60}).storage(), x.storage());
}

TEST(View, NamesWhatDoesNotFit) {
  const Tensor x = zeros({2, 3});
  expect_throw<ShapeError>([&] { x.reshape({4}); }, {"reshape", "[2, 3]", "[4]"});
  expect_throw<ShapeError>([&] { x.reshape({-1, -1}); }, {"reshape", "-1"});
  expect_throw<ShapeError>([&] { x.reshape({4, -1}); }, {"reshape", "[2, 3]", "[4, -1]"});
  expect_throw<ShapeError>([&] { zeros({0, 3}).reshape({0, -1}); }, {"reshape", "[0, 3]", "[0, -1]"});
  expect_throw<ShapeError>([&] { x.slice(2, 0); }, {"slice", "2"});
  expect_throw<ValueError>([&] { x.slice(0, 0, 2, 0); }, {"slice", "step", "0"});
  expect_throw<ValueError>([&] { x.select(0, 2); }, {"select", "2"});
  expect_throw<ValueError>([&] { x.select(0, -3); }, {"select", "-3"});
  expect_throw<ShapeError>([&] { x.transpose(0, 2); }, {"transpose", "2"});
  expect_throw<ShapeError>([&] { x.permute({0}); }, {"permute", "[2, 3]"});
  expect_throw<ShapeError>([&] { x.permute({1, 1}); }, {"permute", "1"});
  expect_throw<ShapeError>([&] { x.squeeze(0); }, {"squeeze", "[2, 3]"});
  expect_throw<ShapeError>([&] { x.unsqueeze(4); }, {"unsqueeze", "4"});
  expect_throw<ShapeError>([&] { x.expand({2, 4}); }, {"expand", "[2, 3]", "[2, 4]"});
  expect_throw<ShapeError>([&] { x.expand({3}); }, {"expand", "[2, 3]", "[3]"});
  expect_throw<ShapeError>([&] { x.expand({-1, 2, 3}); }, {"expand", "[2, 3]", "[-1, 2, 3]"});
  expect_throw<ShapeError>([&] { x.expand({-2, 3}); }, {"expand", "[2, 3]", "[-2, 3]"});
}

TEST(View, RefusesSizesWhoseProductOverflows) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  expect_throw<ShapeError>([] { zeros({4}).reshape({kHuge + 1, 4}); }, {"reshape", "[4]"});
  expect_throw<ShapeError>([] { zeros({0}).reshape({kHuge, kHuge, 0}); }, {"reshape", "[0]"});
  expect_throw<ShapeError>([] { zeros({4}).reshape({kHuge, 4, -1}); }, {"reshape", "[4]"});
  expect_throw<ShapeError>([] { zeros({1}).expand({kHuge, 4}); }, {"expand", "[1]"});
}

}  // namespace
}  // namespace dlengine::test
