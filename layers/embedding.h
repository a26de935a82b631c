// Embedding layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dlengine/core/ops/embedding.h"
#include "dlengine/layers/module.h"

namespace dlengine {

struct EmbeddingOptions {
  int64_t num_embeddings = 0;        // K, required: tokens are 0 .. K-1
  int64_t embedding_dim = 0;         // E, required
  int64_t padding_idx = kNoPadding;  // this token's vector is 0 at first and is not trained
};

/// A learned vector for each of K tokens: Embedding({.num_embeddings = 1000, .embedding_dim = 32}).
/// x [..] (i32 or i64) -> [.., E]. Parameter: weight [K, E], at first normal with mean 0 and deviation 1.
/// Throws ValueError for sizes that make no sense, and for a token out of range, as embedding() does.
class Embedding final : public Module {
 public:
  explicit Embedding(const EmbeddingOptions& options);
  std::string_view type_name() const override { return "Embedding"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  DType input_type(DType) const override { return DType::i64; }
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override { visitor.parameter("weight", weight_); }
  void build() override;

 private:
  void make(Device device);

  EmbeddingOptions options_;
  Tensor weight_;
};

}  // namespace dlengine
