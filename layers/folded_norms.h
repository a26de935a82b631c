// Batch norms that the layers before them compute, for inference.
#pragma once

#include <vector>

#include "dlengine/core/watch.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// Finds every convolution or fully connected layer of a model that a batch norm follows in a Sequential, and
/// keeps for each such pair the weights with which the first layer alone gives the result of both in
/// evaluation mode: weight * scale and bias * scale + shift. In f32 and f64; the model itself is left as it
/// is. Rounding differs from that of the two layers. All tensors of the model must exist; it must outlive
/// this object.
class FoldedNorms {
 public:
  explicit FoldedNorms(Module& model);

  /// Computes the weights anew where a tensor of the pair was written to or moved.
  void update();
  /// All weights. They stay in place unless the pair's tensors were moved.
  std::vector<Tensor> tensors() const;
  size_t size() const { return pairs_.size(); }

  /// While it lives, the Sequentials that this thread calls compute pairs as one. For evaluation mode.
  class Use {
   public:
    explicit Use(const FoldedNorms& folded);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const FoldedNorms* previous_;
  };
  /// The weights by which a layer computes itself and the batch norm behind it; null: as usual.
  static const Affine* weights_for(const Module& layer);

 private:
  struct Pair {
    Module* layer;
    Module* norm;
    Affine weights;
    Watch sources;
  };
  void add(Module& layer, Module& norm);

  std::vector<Pair> pairs_;
};

}  // namespace dlengine
