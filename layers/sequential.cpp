// Sequential: calls its layers in order and names the one that failed.
#include "dlengine/layers/sequential.h"

#include "dlengine/core/check.h"
#include "dlengine/layers/folded_norms.h"

namespace dlengine {

Sequential& Sequential::add(std::string name, std::unique_ptr<Module> layer) {
  check<ValueError>(layer != nullptr, "Sequential: layer '{}' is null", name);
  check<ValueError>(!name.empty() && name.find('.') == std::string::npos,
                    "Sequential: the name of a layer must not be empty or have a dot, got '{}'", name);
  for (const auto& [taken, unused] : layers_) {
    check<ValueError>(taken != name, "Sequential: there are two layers named '{}'", name);
  }
  layers_.emplace_back(std::move(name), std::move(layer));
  return *this;
}

Module& Sequential::operator[](size_t position) {
  check<ValueError>(position < layers_.size(), "Sequential: there are {} layers, no number {}",
                    layers_.size(), position);
  return *layers_[position].second;
}

namespace {

// What is one ending and then another; none if that is not an ending.
Ending joined(const Ending& first, const Ending& then) {
  if (first.is_none() && then.dropout == 0) return then;
  const bool adds_dropout = first.dropout == 0 && then.activation == Activation::none;
  return adds_dropout && first.activation == Activation::relu ? Ending(first.activation, then.dropout)
                                                              : Ending();
}

}  // namespace

// A layer takes over the activation behind it, and dropout behind that; one that commutes with activations,
// as max pooling does, takes one from before itself, where there is less to compute.
std::vector<Sequential::Part> Sequential::parts() const {
  std::vector<Part> parts;
  for (const auto& [name, layer] : layers_) parts.push_back({&name, layer.get()});
  const ForwardObserver* observer = ForwardObserver::newest();
  if (observer && observer->wants_each_result()) return parts;
  Part* before = nullptr;  // the last one that is not passed over
  for (size_t i = 0; i < parts.size(); ++i) {
    const Ending ending = parts[i].layer->as_ending();
    const bool hands_on =
        i + 1 < parts.size() && ending.dropout == 0 && parts[i + 1].layer->commutes_with_activation();
    Part* const taker = ending.is_none() ? nullptr : hands_on ? &parts[i + 1] : before;
    const Ending both = taker ? joined(taker->takes, ending) : Ending();
    parts[i].passed_over = !both.is_none() && taker->layer->takes(both);
    if (parts[i].passed_over) {
      taker->takes = both;
    } else {
      before = &parts[i];
    }
  }
  return parts;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  std::vector<Part> parts = this->parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    if (part.passed_over) {
      part.layer->passed_over(y.shape());
      continue;
    }
    try {
      const Affine* folded = FoldedNorms::weights_for(*part.layer);
      if (folded && folded->weight.rank() == y.rank()) {
        Part& norm = parts[i + 1];
        y = part.layer->call_affine(*folded, norm.takes, y);
        norm.passed_over = true;
      } else {
        y = part.layer->call(part.takes, y);
      }
    } catch (Error& error) {
      error.add_context("layer " + *part.name);
      throw;
    }
  }
  return y;
}

DType Sequential::input_type(DType compute) const {
  return layers_.empty() ? compute : layers_[0].second->input_type(compute);
}

void Sequential::visit(ModuleVisitor& visitor) {
  for (const auto& [name, layer] : layers_) visitor.child(name, *layer);
}

}  // namespace dlengine
