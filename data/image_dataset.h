// A data set of labelled images in two parts, and what there is to say of it.
#pragma once

#include <string>
#include <vector>

#include "dlengine/data/dataset.h"

namespace dlengine {

/// x: u8 [N, C, H, W], read as f32 in 0 .. 1; y: i64 [N], the class.
struct ImageDataset {
  TensorDataset train;
  TensorDataset test;
  std::vector<std::string> class_names;  // by class number
  std::string source;                    // in words, as "mnist from /data/mnist"
};

}  // namespace dlengine
