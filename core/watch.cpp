// Versions of tensors' storage.
#include "dlengine/core/watch.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace dlengine {

Watch::Watch(std::vector<Tensor> tensors) {
  for (Tensor& tensor : tensors) {
    const std::shared_ptr<Storage> storage = tensor.storage();
    seen_.push_back({std::move(tensor), storage, storage->version()});
  }
}

bool Watch::notice_writes() {
  bool written = false;
  for (Seen& seen : seen_) {
    const uint32_t version = seen.storage->version();
    written |= std::exchange(seen.version, version) != version;
  }
  return written;
}

bool Watch::moved() const {
  return std::any_of(seen_.begin(), seen_.end(),
                     [](const Seen& seen) { return seen.tensor.storage() != seen.storage; });
}

bool Watch::holds(const void* address) const {
  return std::any_of(seen_.begin(), seen_.end(), [address](const Seen& seen) {
    const auto* byte = static_cast<const std::byte*>(address);
    return byte >= seen.storage->data() && byte < seen.storage->data() + seen.storage->bytes();
  });
}

}  // namespace dlengine
