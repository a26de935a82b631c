// Which images a program works on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dlengine/data/image_dataset.h"

namespace dlengine::apps {

struct ChosenData {
  std::string name;  // mnist, fashion_mnist, synthetic or cifar10
  ImageDataset images;
};

/// mnist, fashion_mnist and synthetic, which stands in for MNIST.
std::vector<std::string> digit_sets();

struct DataOptions {
  std::vector<std::string> choices = digit_sets();  // that --dataset takes; the first one is the usual one
  std::string folder;                               // --data; empty: not given
  std::optional<std::string> dataset;               // --dataset
  std::optional<int64_t> limit;  // --limit: images to keep of the training and of the test set
};

/// Loads the data set asked for, from the folder or wherever data sets are looked for, and prints the line
/// "data: ...". Only where neither a data set nor a folder was asked for, synthetic digits stand in for an
/// MNIST that is not to be had, if they are among the choices, and the program says so. Throws IoError.
ChosenData choose_data(const DataOptions& options);

}  // namespace dlengine::apps
