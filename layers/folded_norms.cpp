// Folding batch norms into the weights before them.
#include "dlengine/layers/folded_norms.h"

#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/layers/sequential.h"

namespace dlengine {
namespace {

thread_local const FoldedNorms* in_use = nullptr;

/// The weights of the layer followed by the map.
Affine folded(const Affine& layer, const ChannelMap& map) {
  Shape per_channel = Shape::filled(layer.weight.rank(), 1);
  per_channel[0] = map.scale.numel();
  const Tensor bias = layer.bias.defined() ? layer.bias * map.scale + map.shift : map.shift;
  return {layer.weight * map.scale.reshape(per_channel), bias};
}

Watch sources_of(Module& layer, Module& norm) {
  std::vector<Tensor> sources;
  for (Module* module : {&layer, &norm}) {
    for (auto& [name, tensor] : module->state()) sources.push_back(std::move(tensor));
  }
  return Watch(std::move(sources));
}

}  // namespace

FoldedNorms::FoldedNorms(Module& model) {
  for (const NamedModule& below : model.modules()) {
    auto* const layers = dynamic_cast<Sequential*>(below.module);
    for (size_t i = 0; layers && i + 1 < layers->size(); ++i) add((*layers)[i], (*layers)[i + 1]);
  }
}

void FoldedNorms::add(Module& layer, Module& norm) {
  const NoGrad no_grad;
  const Affine weights = layer.affine();
  const ChannelMap map = norm.channel_map();
  // A batch norm of 16-bit images has f32 tensors, and its error message if the sizes differ.
  const bool fits = weights.weight.defined() && map.scale.defined() &&
                    weights.weight.dtype() == map.scale.dtype() && weights.weight.dim(0) == map.scale.numel();
  if (fits) pairs_.push_back({&layer, &norm, folded(weights, map), sources_of(layer, norm)});
}

void FoldedNorms::update() {
  const NoGrad no_grad;
  for (Pair& pair : pairs_) {
    const bool moved = pair.sources.moved();
    if (!pair.sources.notice_writes() && !moved) continue;
    const Affine now = folded(pair.layer->affine(), pair.norm->channel_map());
    if (moved) {
      pair.weights.weight.set_data(now.weight);
      pair.weights.bias.set_data(now.bias);
      pair.sources = sources_of(*pair.layer, *pair.norm);
    } else {
      pair.weights.weight.copy_(now.weight);
      pair.weights.bias.copy_(now.bias);
    }
  }
}

std::vector<Tensor> FoldedNorms::tensors() const {
  std::vector<Tensor> all;
  for (const Pair& pair : pairs_) {
    all.push_back(pair.weights.weight);
    all.push_back(pair.weights.bias);
  }
  return all;
}

FoldedNorms::Use::Use(const FoldedNorms& folded) : previous_(std::exchange(in_use, &folded)) {}

FoldedNorms::Use::~Use() { in_use = previous_; }

const Affine* FoldedNorms::weights_for(const Module& layer) {
  if (!in_use) return nullptr;
  for (const Pair& pair : in_use->pairs_) {
    if (pair.layer == &layer) return &pair.weights;
  }
  return nullptr;
}

}  // namespace dlengine
