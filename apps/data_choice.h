// Which images a program works on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dlengine/data/image_dataset.h"

namespace dlengine::apps {

struct ChosenData {
  std::string name;  // mnist, fashion_mnist or synthetic
  ImageDataset images;
};

struct DataOptions {
  std::string folder;                  // --data; empty: not given
  std::optional<std::string> dataset;  // --dataset
  std::optional<int64_t> limit;        // --limit: images to keep of the training and of the test set
};

/// Loads the data set asked for, from the folder or wherever load_mnist() looks, and prints the line "data:
/// ...". Only where neither a data set nor a folder was asked for, synthetic digits stand in for an MNIST
/// that is not to be had, and the program says so. Throws IoError.
ChosenData choose_data(const DataOptions& options);

}  // namespace dlengine::apps
