// Gathering a batch from samples in memory.
#include <algorithm>
#include <cstring>

#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"

namespace dlengine {

namespace {

/// The rows of one tensor of the samples, and where those of the batch go.
struct Rows {
  const std::byte* all;
  std::byte* batch;
  int64_t bytes;  // of a row of `all`
  bool pixels;    // u8 to be read as f32

  Rows(const Tensor& from, Tensor& to)
      : all(static_cast<const std::byte*>(from.raw())),
        batch(static_cast<std::byte*>(to.raw())),
        bytes(from.shape()[0] == 0 ? 0 : from.numel() / from.shape()[0] * int64_t(size_of(from.dtype()))),
        pixels(to.dtype() != from.dtype()) {}

  void take(int64_t row, int64_t as) const {
    const std::byte* source = all + row * bytes;
    if (!pixels) {
      if (bytes > 0) std::memcpy(batch + as * bytes, source, size_t(bytes));
      return;
    }
    float* target = reinterpret_cast<float*>(batch) + as * bytes;
    for (int64_t i = 0; i < bytes; ++i) target[i] = pixel_value(uint8_t(source[i]));
  }
};

}  // namespace

void CpuBackend::take_samples(const Samples& all, const Tensor& order, const BatchPosition& at,
                              Samples& batch) {
  const Rows x(all.x, batch.x), y(all.y, batch.y);
  const int64_t* const rows = order.data<int64_t>();
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, x.bytes + y.bytes));
  launch_for(batch.size(), grain, [=, count = order.numel()](int64_t begin, int64_t end) {
    const int64_t first = at.now();
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = rows[(first + i) % count];
      x.take(row, i);
      y.take(row, i);
    }
  });
}

}  // namespace dlengine
