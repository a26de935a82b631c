// Every loss under the names of the stored numbers of make_loss_golden.py; tests walk this table.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dlengine/layers/loss.h"
#include "tests/golden/golden.h"

namespace dlengine::test {

using Loss = std::function<Tensor(const Tensor& output, const Tensor& target)>;

struct LossCase {
  std::string name;
  std::function<Loss(Reduction reduction, const Tensor& weight)> make;  // weight: of classes, or pos_weight
  std::string weight = {};                                              // where it is stored
  double magnitude = 10;                                                // of the terms that are summed
  bool checked = true;  // gradients by differences, too; else a kink or a bound is among the points
};

inline const Golden& loss_golden() {
  static const Golden file("loss_more.safetensors");
  return file;
}

inline std::vector<LossCase> regression_cases() {
  return {
      {"l1", [](Reduction r, auto&) { return L1Loss(r); }},
      {"huber", [](Reduction r, auto&) { return HuberLoss({.reduction = r}); }},
      {"huber_delta", [](Reduction r, auto&) { return HuberLoss({.delta = 0.5, .reduction = r}); }},
      {"smooth_l1", [](Reduction r, auto&) { return SmoothL1Loss({.reduction = r}); }},
      {"smooth_l1_beta", [](Reduction r, auto&) { return SmoothL1Loss({.beta = 2, .reduction = r}); }},
      {"smooth_l1_zero", [](Reduction r, auto&) { return SmoothL1Loss({.beta = 0, .reduction = r}); }},
      {"sum_of_squares", [](Reduction, auto&) { return SumOfSquaresLoss(); }},
  };
}

inline std::vector<LossCase> class_cases() {
  const auto weighted = [](Reduction r, const Tensor& w) {
    return CrossEntropyLoss({.weight = w, .reduction = r});
  };
  const auto smoothed = [](Reduction r, auto&) {
    return CrossEntropyLoss({.label_smoothing = 0.2, .reduction = r});
  };
  const auto both = [](Reduction r, const Tensor& w) {
    return CrossEntropyLoss({.weight = w, .label_smoothing = 0.2, .reduction = r});
  };
  const auto keras = [](Reduction r, auto&) { return CategoricalCrossEntropyLoss({.reduction = r}); };
  const auto textbook = [](Reduction r, auto&) {
    return CategoricalCrossEntropyLoss({.guard = LogGuard::add, .reduction = r});
  };
  return {
      {"ce_weight_classes", weighted, "class_weight"},
      {"ce_weight_soft", weighted, "class_weight"},
      {"ce_smooth_classes", smoothed},
      {"ce_smooth_soft", smoothed},
      {"ce_both_classes", both, "class_weight"},
      {"ce_both_soft", both, "class_weight"},
      {"ce_places_classes", [](Reduction r, auto&) { return CrossEntropyLoss(r); }},
      {"ce_places_soft", both, "class_weight"},
      {"ce_ignore_places",
       [](Reduction r, const Tensor& w) {
         return CrossEntropyLoss({.weight = w, .label_smoothing = 0.2, .reduction = r, .ignore_index = -100});
       },
       "class_weight"},
      {"ce_ignore", [](Reduction r, auto&) { return CrossEntropyLoss({.reduction = r, .ignore_index = 1}); }},
      {"nll", [](Reduction r, auto&) { return NLLLoss({.reduction = r}); }},
      {"nll_weight", [](Reduction r, const Tensor& w) { return NLLLoss({.weight = w, .reduction = r}); },
       "class_weight"},
      {"kl", [](Reduction r, auto&) { return KLDivLoss({.reduction = r}); }},
      {"kl_log", [](Reduction r, auto&) { return KLDivLoss({.log_target = true, .reduction = r}); }},
      {.name = "keras_ce_onehot", .make = keras, .checked = false},
      {.name = "keras_ce_soft", .make = keras, .checked = false},
      // The slope of log(p + 1e-7) at 0 is 1e7.
      {.name = "textbook_ce_onehot", .make = textbook, .magnitude = 1e7, .checked = false},
      {.name = "textbook_ce_soft", .make = textbook, .magnitude = 1e7, .checked = false},
      {"multi_margin", [](Reduction r, auto&) { return MultiMarginLoss({.reduction = r}); }},
      {"multi_margin_squared",
       [](Reduction r, const Tensor& w) {
         return MultiMarginLoss({.squared = true, .margin = 0.7, .weight = w, .reduction = r});
       },
       "class_weight", 100},
  };
}

inline std::vector<LossCase> binary_cases() {
  const auto logits = [](Reduction r, auto&) { return BCEWithLogitsLoss({.reduction = r}); };
  return {
      {"bce_logits", logits},
      {"bce_logits_extreme", logits, {}, 2000},
      {"bce_logits_weight",
       [](Reduction r, const Tensor& w) { return BCEWithLogitsLoss({.pos_weight = w, .reduction = r}); },
       "pos_weight", 30},
      {.name = "bce",
       .make = [](Reduction r, auto&) { return BCELoss(r); },
       .magnitude = 1e12,
       .checked = false},
      {"hinge", [](Reduction r, auto&) { return HingeLoss({.reduction = r}); }},
      {"squared_hinge",
       [](Reduction r, auto&) { return HingeLoss({.squared = true, .reduction = r}); },
       {},
       100},
      {"hinge_embedding", [](Reduction r, auto&) { return HingeEmbeddingLoss({.reduction = r}); }},
      {"hinge_embedding_margin",
       [](Reduction r, auto&) { return HingeEmbeddingLoss({.margin = 2.5, .reduction = r}); }},
  };
}

inline std::vector<LossCase> loss_cases() {
  std::vector<LossCase> all = regression_cases();
  for (const auto& more : {class_cases(), binary_cases()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace dlengine::test
