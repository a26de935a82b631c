// Masks of padded sequences.
#include "dlengine/core/ops/sequence.h"

#include "dlengine/core/factory.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TEST(SequenceMask, IsTrueBeforeTheEnds) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::i32, DType::i64}) {
      const Tensor mask = sequence_mask(to_tensor(NdArray({3}, {2, 0, 3}), dtype, device), 3);
      EXPECT_EQ(name(mask.dtype()), "bool");
      expect_same(mask, NdArray({3, 3}, {1, 1, 0, 0, 0, 0, 1, 1, 1}));
    }
    const Tensor lengths = from_vector<int64_t>({1, 9, 2}, {3}, device).slice(0, 0, 3, 2);
    expect_same(sequence_mask(lengths, 2), NdArray({2, 2}, {1, 0, 1, 1}));
    EXPECT_EQ(sequence_mask(zeros({0}, DType::i64, device), 3).shape(), (Shape{0, 3}));
    EXPECT_EQ(sequence_mask(zeros({2}, DType::i64, device), 0).shape(), (Shape{2, 0}));
  }
}

TEST(SequenceMask, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const auto mask = [&](double length, DType dtype) {
      sequence_mask(full({2}, length, dtype, device), 4).to_vector<bool>();
    };
    expect_throw<ValueError>([&] { mask(5, DType::i64); }, {"lengths: index 5 at 0 is outside of 0 .. 4"});
    expect_throw<ValueError>([&] { mask(-1, DType::i32); }, {"lengths: index -1 at 0"});
    expect_throw<DTypeError>([&] { mask(1, DType::f32); }, {"sequence_mask", "f32", "i32 or i64"});
    expect_throw<ShapeError>(
        [&] {
          sequence_mask(zeros({2, 1}, DType::i64, device), 4);
        },
        {"sequence_mask: need lengths [N], got [2, 1]"});
    expect_throw<ValueError>([&] { sequence_mask(zeros({2}, DType::i64, device), -1); }, {"got -1"});
  }
  expect_throw<ValueError>([] { sequence_mask(Tensor(), 2); }, {"sequence_mask", "undefined"});
}

}  // namespace
}  // namespace dlengine::test
