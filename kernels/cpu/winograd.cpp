// Winograd convolutions: which tiles are computed together, and by which threads.
#include "dlengine/kernels/cpu/winograd.h"

#include <algorithm>
#include <utility>

#include "dlengine/core/parallel.h"
#include "dlengine/kernels/cpu/tasks.h"
#include "dlengine/kernels/cpu/winograd_kernels.h"

namespace dlengine::winograd {

bool has(Isa isa) {
  if (isa == Isa::avx512) return __builtin_cpu_supports("avx512f");
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

Isa best_isa() { return has(Isa::avx512) ? Isa::avx512 : Isa::avx2; }

bool fits(const ConvSizes& z) {
  const Conv2dParams& p = z.params;
  return z.r == 3 && z.s == 3 && p.stride == Size2(1) && p.dilation == Size2(1) && p.groups == 1 &&
         p.padding.h <= 2 && p.padding.w <= 2 && z.c % kChunk == 0 && z.k % kChunk == 0 && has(Isa::avx2);
}

namespace {

// --- Planning ---

/// Floats between the points of buffers of `floats` each: an odd number of cache lines.
int64_t point_stride(int64_t floats) { return (floats / kChunk | 1) * kChunk; }

Problem forward_problem(const ConvSizes& z) {
  return {.images = z.n,
          .in_h = z.h,
          .in_w = z.w,
          .in_channels = z.c,
          .out_h = z.p,
          .out_w = z.q,
          .out_channels = z.k,
          .pad_h = z.params.padding.h,
          .pad_w = z.params.padding.w,
          .tile_rows = ceil_div(z.p, kTile),
          .tile_columns = ceil_div(z.q, kTile),
          .filter_stride = point_stride(z.c * z.k),
          .zeros = nullptr};
}

/// The gradient of the input is a convolution of dy with the rotated filters.
Problem grad_input_problem(const ConvSizes& z) {
  Problem problem = forward_problem(z);
  std::swap(problem.in_h, problem.out_h);
  std::swap(problem.in_w, problem.out_w);
  std::swap(problem.in_channels, problem.out_channels);
  problem.pad_h = 2 - problem.pad_h;
  problem.pad_w = 2 - problem.pad_w;
  problem.tile_rows = ceil_div(z.h, kTile);
  problem.tile_columns = ceil_div(z.w, kTile);
  return problem;
}

int64_t tiles_of(const Problem& z) { return z.images * z.tile_rows * z.tile_columns; }

/// How a pass is cut: parts are computed side by side, each block after block. Where there is one part, the
/// threads share the work of each block.
struct Plan {
  int64_t tiles, parts, blocks;
  int64_t block_floats;            // of one block's buffers
  int64_t zeros, biases, filters;  // floats of the other pieces of the workspace

  Range blocks_of(int64_t part) const { return {blocks * part / parts, blocks * (part + 1) / parts}; }
  int64_t floats() const { return zeros + biases + parts * block_floats + filters; }
};

constexpr int64_t kBlockBytes = int64_t{640} << 10;  // of a block's buffers, in a core's second cache
constexpr int64_t kSumBytes = int64_t{2} << 20;      // of all sums of a weight gradient

constexpr int64_t kFewTiles = 8;  // too few to keep a core busy with a block of them

/// As many tiles as fit into the cache, but enough to make good use of filters or sums that do not.
int64_t block_tiles(const Problem& z, int64_t least) {
  return std::max(kBlockBytes / int64_t(sizeof(float) * kPoints * (z.in_channels + z.out_channels)), least);
}

int64_t block_floats(const Problem& z, int64_t tiles) {
  return kPoints * (point_stride(z.in_channels * tiles) + point_stride(z.out_channels * tiles));
}

/// Of a forward pass, whose filters the caller has transformed.
Plan forward_plan(const Problem& z, int threads) {
  const int64_t tiles = tiles_of(z), wanted = block_tiles(z, 28);
  Plan plan{.tiles = tiles,
            .parts = threads,
            .blocks = ceil_div(ceil_div(tiles, wanted), threads) * threads,
            .block_floats = 0,
            .zeros = z.in_channels,
            .biases = 0,
            .filters = 0};
  if (tiles < kFewTiles * plan.blocks) {
    plan.parts = 1;
    plan.blocks = ceil_div(tiles, wanted * threads);
  }
  plan.block_floats = block_floats(z, ceil_div(tiles, plan.blocks));
  return plan;
}

Plan grad_input_plan(const Problem& z, int threads) {
  Plan plan = forward_plan(z, threads);
  plan.filters = kPoints * z.filter_stride;
  return plan;
}

/// Each part has sums of its own, so the number of parts depends on the shapes alone.
Plan grad_weight_plan(const Problem& z) {
  const int64_t tiles = tiles_of(z), sums = kPoints * z.filter_stride;
  int64_t parts = 8;
  while (parts > 1 && (parts * sums * int64_t(sizeof(float)) > kSumBytes || tiles < kFewTiles * parts))
    parts /= 2;
  const int64_t blocks = ceil_div(ceil_div(tiles, block_tiles(z, 48)), parts) * parts;
  return {.tiles = tiles,
          .parts = parts,
          .blocks = blocks,
          .block_floats = block_floats(z, ceil_div(tiles, blocks)),
          .zeros = std::max(z.in_channels, z.out_channels),
          .biases = parts * z.out_channels,
          .filters = parts * sums};
}

// --- Running ---

const Kernels& kernels_for(Isa isa) {
  static const Kernels avx2 = avx2_kernels(), avx512 = avx512_kernels();
  return isa == Isa::avx512 ? avx512 : avx2;
}

/// A problem with its plan, the pieces of the caller's memory and the kernels.
struct Run {
  Problem problem;
  Plan plan;
  const Kernels& kernels;
  float *biases, *blocks, *filters;

  Run(const Problem& z, const Plan& cut, const Execution& execution)
      : problem(z), plan(cut), kernels(kernels_for(execution.isa)) {
    auto* zeros = static_cast<float*>(execution.workspace);
    biases = zeros + plan.zeros;
    blocks = biases + plan.biases;
    filters = blocks + plan.parts * plan.block_floats;
    std::fill(zeros, blocks, 0.0f);
    problem.zeros = zeros;
  }

  Block block(int64_t part, int64_t index) const {
    const int64_t first = plan.tiles * index / plan.blocks;
    const int64_t tiles = plan.tiles * (index + 1) / plan.blocks - first;
    const int64_t input_stride = point_stride(problem.in_channels * tiles);
    float* memory = blocks + part * plan.block_floats;
    return {.part = part,
            .begins_part = index == plan.blocks_of(part).begin,
            .first = first,
            .tiles = tiles,
            .inputs = memory,
            .input_stride = input_stride,
            .outputs = memory + kPoints * input_stride,
            .output_stride = point_stride(problem.out_channels * tiles)};
  }
};

/// Calls f(block) for all blocks, side by side for different parts.
template <typename F>
void for_each_block(const Run& run, const F& f) {
  parallel_for(run.plan.parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const Range blocks = run.plan.blocks_of(part);
      for (int64_t i = blocks.begin; i < blocks.end; ++i) f(run.block(part, i));
    }
  });
}

/// Calls f(range), with ranges that the threads share out unless they are busy with parts.
template <typename F>
void share(int64_t count, const F& f) {
  parallel_for(count, 1, [&](int64_t begin, int64_t end) { f(Range{begin, end}); });
}

/// Returns `transformed`.
const float* transform(const Problem& z, const Filters& filters, float* transformed, const Kernels& kernels) {
  share(z.in_channels, [&](Range channels) { kernels.transform_filters(z, filters, transformed, channels); });
  return transformed;
}

void convolve(const Run& run, const Image& in, const float* filters, const Result& out) {
  const Problem& z = run.problem;
  const Kernels& kernels = run.kernels;
  const int64_t products = kPoints * ceil_div(z.out_channels, kernels.panel);
  for_each_block(run, [&](const Block& block) {
    share(block.tiles, [&](Range tiles) { kernels.transform_inputs(z, block, in, tiles); });
    share(products, [&](Range range) { kernels.multiply(z, block, filters, range); });
    share(block.tiles, [&](Range tiles) { kernels.transform_outputs(z, block, out, tiles); });
  });
}

void add_biases(const Run& run, float* dbias) {
  const int64_t channels = run.problem.out_channels;
  std::copy_n(run.biases, channels, dbias);
  for (int64_t part = 1; part < run.plan.parts; ++part) {
    for (int64_t k = 0; k < channels; ++k) dbias[k] += run.biases[part * channels + k];
  }
}

}  // namespace

size_t workspace_bytes(ConvPass pass, const ConvSizes& z, int threads) {
  const auto plan = [&] {
    switch (pass) {
      case ConvPass::forward: return forward_plan(forward_problem(z), threads);
      case ConvPass::grad_input: return grad_input_plan(grad_input_problem(z), threads);
      case ConvPass::grad_weight: break;
    }
    return grad_weight_plan(forward_problem(z));
  };
  return size_t(plan().floats()) * sizeof(float);
}

size_t transformed_bytes(const ConvSizes& z) {
  return size_t(kPoints * forward_problem(z).filter_stride) * sizeof(float);
}

void transform_filters(const ConvSizes& z, const float* filters, float* transformed, Isa isa) {
  const Filters taps{.taps = filters, .in_stride = 9, .out_stride = 9 * z.c, .rotated = false};
  transform(forward_problem(z), taps, transformed, kernels_for(isa));
}

void forward(const ConvSizes& sizes, const ConvForward& data, const Execution& execution) {
  const Problem z = forward_problem(sizes);
  const Run run(z, forward_plan(z, execution.threads), execution);
  convolve(run, {data.x, nullptr}, data.filters, {data.bias, data.relu, data.y});
}

void grad_input(const ConvSizes& sizes, const ConvGradInput& data, const Execution& execution) {
  const Problem z = grad_input_problem(sizes);
  const Run run(z, grad_input_plan(z, execution.threads), execution);
  const Filters filters{.taps = data.filters, .in_stride = 9 * sizes.c, .out_stride = 9, .rotated = true};
  convolve(run, {data.dy, data.y}, transform(z, filters, run.filters, run.kernels),
           {nullptr, false, data.dx});
}

void grad_weight(const ConvSizes& sizes, const ConvGradWeight& data, const Execution& execution) {
  const Run run(forward_problem(sizes), grad_weight_plan(forward_problem(sizes)), execution);
  const Problem& z = run.problem;
  const Kernels& kernels = run.kernels;
  const Image x{data.x, nullptr}, dy{data.dy, data.y};
  const int64_t panels = ceil_div(z.out_channels, kernels.panel), sums = kPoints * z.filter_stride;
  for_each_block(run, [&](const Block& block) {
    float* biases = run.biases + block.part * z.out_channels;
    float* part_sums = run.filters + block.part * sums;
    share(block.tiles, [&](Range tiles) { kernels.transform_inputs(z, block, x, tiles); });
    share(panels, [&](Range range) { kernels.transform_gradients(z, block, dy, biases, range); });
    share(kPoints * panels, [&](Range range) { kernels.accumulate(z, block, part_sums, range); });
  });
  const FilterSums all{.sums = run.filters, .parts = run.plan.parts, .part_stride = sums};
  share(z.in_channels, [&](Range channels) { kernels.transform_sums(z, all, data.dfilters, channels); });
  if (data.dbias) add_biases(run, data.dbias);
}

}  // namespace dlengine::winograd
