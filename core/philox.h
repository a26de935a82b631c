// Philox-4x32-10: random bits as a function of a key and a counter, the same on every device.
// Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
#pragma once

#include <cstdint>

#include "dlengine/core/host_device.h"

namespace dlengine {

/// What one random operation draws from: element i of its result uses word i % 4 of block i / 4,
/// whatever the launch shape, the number of threads or the device.
struct PhiloxKey {
  uint64_t seed = 0;
  uint64_t stream = 0;  // one per random operation
  // In a recorded step: the generator's {seed, stream} in device memory, from which `stream` counts.
  const uint64_t* base = nullptr;

  /// The key as it is at this moment of the device's work.
  DLENGINE_HOST_DEVICE PhiloxKey now() const { return base ? PhiloxKey{base[0], base[1] + stream} : *this; }
  friend bool operator==(const PhiloxKey&, const PhiloxKey&) = default;
};

/// Four words of 32 random bits.
struct PhiloxBlock {
  uint32_t word[4];
};

/// The block with the given number. The key is one that now() gave.
DLENGINE_HOST_DEVICE inline PhiloxBlock philox(const PhiloxKey& key, uint64_t block) {
  uint32_t c0 = uint32_t(block), c1 = uint32_t(block >> 32);
  uint32_t c2 = uint32_t(key.stream), c3 = uint32_t(key.stream >> 32);
  uint32_t k0 = uint32_t(key.seed), k1 = uint32_t(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(p1);
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Word for one element; where many neighbours are needed, take whole blocks instead.
DLENGINE_HOST_DEVICE inline uint32_t philox_word(const PhiloxKey& key, uint64_t element) {
  return philox(key, element / 4).word[element % 4];
}

/// Uniform in [0, 1): the upper 24 bits, so that every value is exact in f32.
DLENGINE_HOST_DEVICE inline float uniform_from_bits(uint32_t bits) { return float(bits >> 8) * 0x1p-24f; }

}  // namespace dlengine
