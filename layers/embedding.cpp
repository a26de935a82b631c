// Embedding layer.
#include "dlengine/layers/embedding.h"

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/layers/init.h"

namespace dlengine {

Embedding::Embedding(const EmbeddingOptions& options) : options_(options) {
  check<ValueError>(options.num_embeddings > 0 && options.embedding_dim > 0,
                    "Embedding: need num_embeddings and embedding_dim >= 1, got {} and {}",
                    options.num_embeddings, options.embedding_dim);
  check<ValueError>(options.padding_idx >= kNoPadding && options.padding_idx < options.num_embeddings,
                    "Embedding: need padding_idx 0 .. {} or kNoPadding, got {}", options.num_embeddings - 1,
                    options.padding_idx);
}

std::string Embedding::description() const {
  const bool pads = options_.padding_idx != kNoPadding;
  return fmt::format("{} -> {}{}", options_.num_embeddings, options_.embedding_dim,
                     pads ? fmt::format(", padding {}", options_.padding_idx) : "");
}

void Embedding::make(Device device) {
  Tensor table = randn({options_.num_embeddings, options_.embedding_dim});
  if (options_.padding_idx != kNoPadding) table.select(0, options_.padding_idx).zero_();
  weight_ = as_parameter(table, DType::f32, device);
}

void Embedding::build() {
  if (!weight_.defined()) make(kCpu);
}

Tensor Embedding::forward(const Tensor& x) {
  if (!weight_.defined()) make(x.device());
  return embedding(weight_, x, options_.padding_idx);
}

}  // namespace dlengine
