// Internal: the names of CIFAR's classes, by number, as in the text files that come with the images.
#pragma once

#include <string>
#include <vector>

namespace dlengine {

const std::vector<std::string>& cifar10_classes();
/// The 100 classes of CIFAR-100.
const std::vector<std::string>& cifar100_classes();
/// The 20 groups of these.
const std::vector<std::string>& cifar100_groups();

}  // namespace dlengine
