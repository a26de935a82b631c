// The stored numbers: make_golden.py writes them.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "dlengine/core/io/safetensors.h"

namespace dlengine::test {

/// Where the files are: tests/golden, or where DLENGINE_GOLDEN_DIR says, for tests that were moved elsewhere.
inline std::string golden_folder() {
  const char* moved = std::getenv("DLENGINE_GOLDEN_DIR");
  return moved ? moved : DLENGINE_GOLDEN_DIR;
}

/// One file of tests/golden.
class Golden {
 public:
  explicit Golden(const std::string& file)
      : tensors_(load_safetensors(golden_folder() + "/" + file).tensors) {}

  Tensor at(const std::string& name) const {
    for (const auto& [known, tensor] : tensors_) {
      if (known == name) return tensor;
    }
    throw std::out_of_range("no golden numbers " + name);
  }

  /// All whose name begins so, under the rest of their names.
  NamedTensors under(std::string_view prefix) const {
    NamedTensors found;
    for (const auto& [name, tensor] : tensors_) {
      if (name.starts_with(prefix)) found.emplace_back(name.substr(prefix.size()), tensor);
    }
    return found;
  }

 private:
  NamedTensors tensors_;
};

}  // namespace dlengine::test
