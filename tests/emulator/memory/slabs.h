// Addresses for allocations: a ring of large pieces, so that an address comes back as late as possible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace dlengine::emulator {

/// Bytes [begin, begin + bytes) of the ring.
struct Span {
  size_t begin, bytes;
};

class Slabs {
 public:
  /// One huge page, so that memory can be given back to the system without splitting any.
  static constexpr size_t kBytes = size_t{2} << 20;

  /// `release` hears of slabs in which nothing lives any more.
  Slabs(size_t count, std::function<void(Span)> release) : live_(count), release_(std::move(release)) {}

  /// Where `bytes` bytes can live, behind the last piece or in slabs where nothing lives; `reused` is told
  /// before slabs are used (again). kNone if there is no room.
  size_t take(size_t bytes, const std::function<void(Span)>& reused);
  void give_back(Span piece);

  static constexpr size_t kNone = ~size_t{0};

 private:
  size_t find_free_run(size_t count) const;
  void count_live(Span piece, int change);

  std::vector<uint32_t> live_;  // pieces in each slab
  std::function<void(Span)> release_;
  size_t next_ = 0, end_ = 0;  // the rest of the slabs that were taken last
};

}  // namespace dlengine::emulator
