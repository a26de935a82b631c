// IDX files, the format of MNIST: yann.lecun.com/exdb/mnist.
#pragma once

#include <cstdint>
#include <string>

#include "dlengine/core/tensor.h"
#include "dlengine/data/dataset.h"

namespace dlengine {

/// The array in an IDX file of unsigned bytes, plain or gzip: u8, with the file's shape. Every field of the
/// header is checked against the bytes that are there before memory is taken. Throws IoError that names the
/// file and the field.
Tensor read_idx(const std::string& path);

/// Images [N, H, W] and their labels [N] from two IDX files: x is u8 [N, 1, H, W], y is i64 [N].
/// Throws IoError as read_idx(), for ranks or counts that do not fit, and for a label not in 0 .. classes-1.
TensorDataset load_idx_pair(const std::string& images_path, const std::string& labels_path,
                            int64_t classes = 10);

}  // namespace dlengine
