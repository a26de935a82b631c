// Handwritten-looking digits that need no files: strokes, distorted at random and drawn.
#pragma once

#include <cstdint>

#include "dlengine/data/image_dataset.h"

namespace dlengine {

struct SyntheticDigitsOptions {
  int64_t train = 60'000;
  int64_t test = 10'000;
  uint64_t seed = 0;
};

/// As many digits as MNIST has, 28 x 28, in MNIST's form; figures reached on them say nothing about MNIST.
/// Image i is a function of (seed, i) alone, the test images following the training images. Throws ValueError
/// for counts < 0.
ImageDataset synthetic_digits(const SyntheticDigitsOptions& options = {});

}  // namespace dlengine
