// Dropout layer.
#pragma once

#include <string>
#include <string_view>

#include "dlengine/layers/module.h"

namespace dlengine {

/// In training sets a share p of the elements to 0 and scales the others by 1 / (1 - p), with random numbers
/// from default_generator(); in evaluation gives x itself. Throws ValueError unless 0 <= p <= 1.
class Dropout final : public Module {
 public:
  explicit Dropout(double p = 0.5);
  std::string_view type_name() const override { return "Dropout"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Ending as_ending() const override;

 private:
  double p_;
};

}  // namespace dlengine
