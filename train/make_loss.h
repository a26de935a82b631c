// Losses by name.
#pragma once

#include <string_view>
#include <vector>

#include "dlengine/train/loss_function.h"

namespace dlengine {

struct NamedLossOptions {
  bool from_logits = false;  // crossentropies: the output holds logits, and no probabilities
};

/// A loss by Keras's name, or PyTorch's: "mse" or "mean_squared_error", "mae" or "mean_absolute_error",
/// "huber", "sum_of_squares", "hinge", "squared_hinge", "kl_divergence", "binary_crossentropy",
/// "categorical_crossentropy" and "sparse_categorical_crossentropy", which as in Keras take probabilities
/// unless from_logits, and "cross_entropy", which as in PyTorch takes logits. Keras's names give Keras's
/// numbers. Classes and one-hot rows fit all three of the last. Throws ValueError that lists the names.
LossFunction make_loss(std::string_view name, const NamedLossOptions& options = {});
/// The names.
std::vector<std::string_view> loss_names();

}  // namespace dlengine
