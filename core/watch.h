// Noticing that tensors have changed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Tensors and the state in which they were last seen.
class Watch {
 public:
  Watch() = default;
  explicit Watch(std::vector<Tensor> tensors);

  /// True if one was written to in place since it was last seen: at first by the constructor, then by this.
  /// Writes through raw addresses go unseen unless the writer raises the storage's version.
  bool notice_writes();
  /// True if one shows other memory than at first (Tensor::set_data).
  bool moved() const;
  /// True if the address lies in the memory of one.
  bool holds(const void* address) const;

 private:
  struct Seen {
    Tensor tensor;
    std::shared_ptr<Storage> storage;
    uint32_t version;
  };
  std::vector<Seen> seen_;
};

}  // namespace dlengine
