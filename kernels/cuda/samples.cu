// Gathering a batch from samples in device memory.
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"

namespace dlengine::cuda {

namespace {

constexpr int kPixels = 4;  // that a thread converts

// The rows of one tensor of the samples, and where those of the batch go, in pieces that a thread moves.
struct Rows {
  const uint8_t* all;
  uint8_t* batch;
  int64_t bytes_of_row;
  int64_t pieces;  // of a row
  int bytes;       // of a piece, which it is aligned to; of pixels: as they are read
  bool pixels;     // u8 to be read as f32

  Rows(const Tensor& from, Tensor& to)
      : all(static_cast<const uint8_t*>(from.raw())),
        batch(static_cast<uint8_t*>(to.raw())),
        bytes_of_row(row_bytes(from)),
        pixels(to.dtype() != from.dtype()) {
    bytes = int(word_bytes(size_t(bytes_of_row), all, pixels ? all : batch));
    if (pixels) bytes = bytes >= kPixels && aligned16(batch) ? kPixels : 1;
    pieces = bytes_of_row / bytes;
  }
};

template <int kCount>
__device__ void convert_pixels(const uint8_t* from, uint8_t* to, int64_t first) {
  const auto pixels = load_vec<uint8_t, kCount>(from);
  Vec<float, kCount> values;
#pragma unroll
  for (int i = 0; i < kCount; ++i) values.lane[i] = pixel_value(pixels.lane[i]);
  store_vec(reinterpret_cast<float*>(to) + first, values);
}

template <typename Word>
__device__ void move_word(const uint8_t* from, uint8_t* to, int64_t first) {
  *reinterpret_cast<Word*>(to + first) = *reinterpret_cast<const Word*>(from);
}

// The order of all samples, and where in it the batch begins.
struct Order {
  const int64_t* rows;
  int64_t count;
  BatchPosition begin;
};

// Piece i of the batch.
__device__ void take_piece(const Rows& rows, const Order& order, int64_t i) {
  const Split at = split(i, rows.pieces);
  const int64_t row = order.rows[split(order.begin.now() + at.quotient, order.count).rest];
  const uint8_t* from = rows.all + row * rows.bytes_of_row + at.rest * rows.bytes;
  const int64_t to = i * rows.bytes;
  if (rows.pixels) {
    return rows.bytes == kPixels ? convert_pixels<kPixels>(from, rows.batch, to)
                                 : convert_pixels<1>(from, rows.batch, to);
  }
  switch (rows.bytes) {
    case 1: return move_word<uint8_t>(from, rows.batch, to);
    case 2: return move_word<uint16_t>(from, rows.batch, to);
    case 4: return move_word<uint32_t>(from, rows.batch, to);
    case 8: return move_word<uint64_t>(from, rows.batch, to);
    default: return move_word<Vec<uint64_t, 2>>(from, rows.batch, to);
  }
}

// The pieces of x, then those of y, of a batch of `count` samples.
__global__ void take_samples_kernel(const __grid_constant__ Rows x, const __grid_constant__ Rows y,
                                    const __grid_constant__ Order order, int64_t count) {
  const int64_t i = thread_number(), x_pieces = count * x.pieces;
  if (i < x_pieces) {
    take_piece(x, order, i);
  } else if (i - x_pieces < count * y.pieces) {
    take_piece(y, order, i - x_pieces);
  }
}

}  // namespace

void CudaBackend::take_samples(const Samples& all, const Tensor& order, const BatchPosition& at,
                               Samples& batch) {
  const Rows x(all.x, batch.x), y(all.y, batch.y);
  const int64_t count = batch.size(), pieces = count * (x.pieces + y.pieces);
  if (pieces == 0) return;
  DLENGINE_LAUNCH(take_samples_kernel, blocks_for(pieces, kThreads), kThreads, 0, enter(order.device()), x, y,
                  Order{order.data<int64_t>(), order.numel(), at}, count);
}

}  // namespace dlengine::cuda
