"""Bugs to plant: in which file, what in place of what, and the tests that must turn red."""

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    program: str
    cases: str


def kernel(name, file, old, new, cases, program="ops_test"):
    return Mutation(name, "kernels/cuda/" + file, old, new, program, cases)


REDUCE = "*Reduce*:Reduce.*:Sum.*"
ARGMAX = "Argmax.*"
SOFTMAX = "*Softmax*:*CrossEntropy*"
UNARY = "All/Unary.*/relu:All/Unary.*/exp:Kinks.*"
BINARY = "All/Binary.*/add:All/Binary.*/mul:Broadcasting.*"
POOL = "All/Pool.*:MaxPool.*:Pool.*"
INDEX = "IndexSelect.*:Gather.*:OneHot.*:IndexAdd.*:ScatterAdd.*"
SORT = "Cumsum.*:Argsort.*:Sort.*"
CHECKED = "OneHot.*:Unpool.*:PoolWithIndices.*"
RECURRENT = "*Cell*:Recurrence.*"
DROPOUT = "Dropout.*"
MATMUL = "*Matmul*:*LinearOp*"
CONV = "All/Conv.*"
NORM = "*BatchNorm*"
UPDATE = "All/Kernel.*update"
STREAMS = "Streams.*"

MUTATIONS = [
    # Barriers.
    kernel("no barrier before a column's shares are added", "reduce.cu",
           "  __syncthreads();\n  if (threadIdx.y > 0", "  if (threadIdx.y > 0", REDUCE),
    kernel("no barrier before the warps' best are compared", "best.cuh",
           "    __syncthreads();\n    for (int warp = 0;", "    for (int warp = 0;", ARGMAX),
    kernel("no barrier before the warps' values are read", "reduce.cuh",
           "= value;\n    __syncthreads();", "= value;", SOFTMAX),
    kernel("no barrier before the warps' values are used again", "reduce.cuh",
           "    __syncthreads();  // the values of an earlier call have been read\n", "", SOFTMAX),
    kernel("a shuffle that names half of the warp", "reduce.cuh",
           "A(__shfl_xor_sync(0xffffffffu, value, step))", "A(__shfl_xor_sync(0x0000ffffu, value, step))", SOFTMAX),
    kernel("a shuffle too few", "reduce.cuh", "for (int step = kWarp / 2; step > 0; step /= 2) {",
           "for (int step = kWarp / 2; step > 1; step /= 2) {", SOFTMAX),
    kernel("a layer's slopes are used before all are there", "narrow_linear.cu",
           "    load_slopes(p, first, count, slopes);\n    __syncthreads();\n", "    load_slopes(p, first, count, slopes);\n",
           MATMUL),
    kernel("a layer's next slopes come before the last are used", "narrow_linear.cu",
           "    __syncthreads();\n    load_slopes(", "    load_slopes(", MATMUL),
    kernel("sums of a weight's gradient are added before all are there", "narrow_linear.cu",
           "sums[group + i];\n    __syncthreads();\n", "sums[group + i];\n", MATMUL),
    # Bounds.
    kernel("one element too many in a reduction", "reduce.cu",
           "for (int64_t i = first; i < end; i += step) value = Op::value(value, widen(x[i * stride]));",
           "for (int64_t i = first; i <= end; i += step) value = Op::value(value, widen(x[i * stride]));", REDUCE),
    kernel("16 bytes at a time over the end", "map.cuh", "if (aligned && first + kWidth <= n) {",
           "if (aligned && first < n) {", UNARY),
    kernel("16 bytes at a time where they are not aligned", "map.cuh", "if (aligned && first + kWidth <= n) {",
           "if ((aligned || !aligned) && first + kWidth <= n) {", UNARY + ":" + BINARY),
    kernel("one strided element too many", "map.cuh", "if (i >= walk.count) return;", "if (i > walk.count) return;",
           BINARY),
    kernel("one softmax row too many", "softmax.cu",
           "  if (row >= rows) return;\n  x += row * columns;\n  y += row * columns;",
           "  if (row > rows) return;\n  x += row * columns;\n  y += row * columns;", SOFTMAX),
    kernel("random lanes beyond the end", "random.cu", "if (first + lane < n) y[first + lane]",
           "if (first + lane <= n) y[first + lane]", DROPOUT),
    kernel("pooling with dropout beyond the end", "pool.cu", "    if (first + lane >= count) break;\n", "",
           "Ops/FusedActivation.*"),
    kernel("a pooling window over the lower edge", "pool.cu", "max(top, 0), min(top + s.kernel_h, s.h),",
           "max(top, 0), top + s.kernel_h,", POOL),
    kernel("a filter's tap beyond the right edge", "conv_grad.cu", "unsigned(column + tap.column) >= unsigned(z.w)",
           "column + tap.column < 0", CONV),
    kernel("an update over the end", "update.cu", "if (aligned && first + kWidth <= n) {", "if (aligned && first < n) {",
           UPDATE, "kernels_test"),
    kernel("an index out of range is used", "index.cu", "  if (from < 0 || from >= v.size) {", "  if (from < 0) {", INDEX),
    kernel("a number out of range is added", "index_add.cu", "  if (!check_number(a, line.index", "  if (check_number(a, line.index", INDEX),
    kernel("a sorted run that ends before its width", "sort.cu", "min(other + width, lines.size)", "other + width", SORT),
    kernel("one recurrent unit too many", "recurrent.cu", "if (i < units) cell(i);", "if (i <= units) cell(i);", RECURRENT),
    kernel("one checked number too many", "index.cu", "  if (i >= count) return;\n  if (index[i] < 0",
           "  if (i > count) return;\n  if (index[i] < 0", CHECKED),
    kernel("numbers below zero are in range", "index.cu", "if (index[i] < 0 || index[i] >= size) report_fault(fault, kind",
           "if (index[i] >= size) report_fault(fault, kind", CHECKED),
    # Races.
    kernel("all lanes write the loss", "cross_entropy.cu", "    if (threadIdx.x == 0) to.losses[row] = loss;",
           "    to.losses[row] = loss;", SOFTMAX),
    kernel("the last block reads what it was not told of", "reduce.cuh", "  __threadfence();\n  __syncthreads();\n  if",
           "  __syncthreads();\n  if", SOFTMAX),
    kernel("blocks are not counted anew in the next kernel", "reduce.cuh", "    if (last) *arrivals = 0;\n", "", SOFTMAX),
    kernel("the totals of a batch count no hits", "cross_entropy.cu", "if (to.hits) hits += to.hits[row];",
           "if (to.hits) hits += 0 * to.hits[row];", SOFTMAX),
    kernel("all lanes write the position of the largest", "reduce.cu", "if (threadIdx.x == 0) y[output] = best;",
           "y[output] = best;", ARGMAX),
    kernel("a rule is used before it is made", "update.cu", "  __syncthreads();\n  const Rule& rule", "  const Rule& rule", UPDATE,
           "kernels_test"),
    kernel("a fault is claimed without an atomic", "fault.cuh",
           "  if (atomicCAS(&fault->claimed, 0u, 1u) != 0u) return;",
           "  if (fault->claimed != 0u) return;\n  fault->claimed = 1u;", SOFTMAX + ":" + INDEX),
    kernel("every position with an index adds to its sum", "index_add.cu",
           "if (line.own > 0 && number_at(line.own - 1) == number) return;", "", "IndexAdd.OfSixteen*"),
    kernel("a tile's elements are compared before all are there", "sort.cu",
           "target[kItems];\n    __syncthreads();\n", "target[kItems];\n", SORT),
    kernel("a tile's elements are moved before all are compared", "sort.cu",
           "slot % width + rank;\n    }\n    __syncthreads();\n", "slot % width + rank;\n    }\n", SORT),
    kernel("running sums are added before all are there", "sort.cu",
           "sums[thread] = sum;\n      __syncthreads();\n", "sums[thread] = sum;\n", SORT),
    kernel("running sums are overwritten before all are added", "sort.cu",
           "sums[thread - distance], sum);\n      __syncthreads();\n", "sums[thread - distance], sum);\n", SORT),
    kernel("sums of filters are read before all are written", "conv_grad.cu", "if (threadIdx.x % kWarp == 0) shares[threadIdx.x / kWarp][c][t] = sum;\n    }\n  }\n  __syncthreads();",
           "if (threadIdx.x % kWarp == 0) shares[threadIdx.x / kWarp][c][t] = sum;\n    }\n  }", CONV),
    kernel("every block adds up the bias", "conv_grad.cu",
           "  if (!is_last_block(arrivals)) return;\n  for (int64_t c", "  (void)is_last_block(arrivals);\n  for (int64_t c", CONV),
    # Order of streams.
    kernel("an event is not waited for", "stream.cpp",
           "DLENGINE_CUDA_CHECK(cudaStreamWaitEvent(stream_of(index, stream), static_cast<cudaEvent_t>(event), 0));",
           "(void)index, (void)event, (void)stream;", STREAMS, "core_test"),
    kernel("an event is recorded on the device's own stream", "stream.cpp",
           "cudaEventRecord(static_cast<cudaEvent_t>(event), stream_of(index, stream))",
           "cudaEventRecord(static_cast<cudaEvent_t>(event), stream_of(index, stream ? nullptr : stream))", STREAMS,
           "core_test"),
    kernel("memory is freed while another stream reads it", "allocator.cpp",
           "      (void)cudaStreamWaitEvent(block.queue->stream(), used, 0);\n", "", STREAMS, "core_test"),
    kernel("cuDNN is left on the default stream", "queue.cpp",
           "    DLENGINE_CUDA_CHECK(cudnnSetStream(dnn_.get(), stream()));\n", "", CONV),
    kernel("results are copied to the host on another stream", "stream.cpp",
           "cudaMemcpyDeviceToHost, queue.stream())", "cudaMemcpyDeviceToHost, nullptr)", UNARY),
    # Memory.
    kernel("the fault is not cleared at start", "cuda_device.cpp",
           "  DLENGINE_CUDA_CHECK(cudaMemsetAsync(memory, 0, sizeof(Fault), queue->stream()));\n", "", UNARY),
    kernel("a filter's parts are too few", "conv_grad.cu",
           "const Scratch parts(size_t(chunks * z.k * (z.taps() + 1)) * sizeof(A), dy.device());",
           "const Scratch parts(size_t(chunks * z.k * z.taps()) * sizeof(A), dy.device());", CONV),
    kernel("half of the workspace", "conv.cpp", "const Scratch workspace(plan->workspace, p.device);",
           "const Scratch workspace(plan->workspace / 2, p.device);", CONV),
    kernel("a reduction's parts are too few", "reduce.cu",
           "const Scratch parts(size_t(plan.chunks * outputs) * sizeof(A), x.device());",
           "const Scratch parts(size_t(plan.chunks * outputs) * sizeof(A) / 2, x.device());", REDUCE),
    kernel("sums of many positions do not begin at zero", "index_add.cu",
           "  DLENGINE_CUDA_CHECK(cudaMemsetAsync(dx.raw(), 0, size_t(dx.numel()) * size_of(dx.dtype()), stream));\n", "",
           INDEX),
    kernel("memory is freed twice", "allocator.cpp", "  (void)cudaFreeAsync(pointer, block.queue->stream());\n",
           "  (void)cudaFreeAsync(pointer, block.queue->stream());\n" * 2, "Memory.*", "core_test"),
    kernel("memory is never freed", "allocator.cpp", "  (void)cudaFreeAsync(pointer, block.queue->stream());\n", "",
           "FailingCalls.*", "failing_calls_test"),
    # Calls of the libraries.
    kernel("a wrong leading dimension", "matmul.cpp",
           "leading = by_rows ? std::max(row_step, columns) : std::max(column_step, rows);",
           "leading = by_rows ? std::max(column_step, rows) : std::max(row_step, columns);", MATMUL),
    kernel("a product's batch step is left at 0", "matmul.cpp",
           "  product.b.batch_step = walk.stride[1][walk.rank - 1];\n", "", MATMUL),
    kernel("plans of products do not know the type", "matmul.cpp", "               int64_t(p.dtype),\n               p.device",
           "               0,\n               p.device", MATMUL),
    kernel("a product keeps the bias of an earlier one", "matmul.cpp",
           "  if (p.epilogue.bias) set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.epilogue.bias);\n", "", MATMUL),
    kernel("products round to TF32", "matmul.cpp", "case DType::f32: return {CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F};",
           "case DType::f32: return {CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32};", MATMUL),
    kernel("a convolution adds to what was in memory", "conv.cpp",
           "*beta = on.add ? factors.one : factors.zero;", "*beta = factors.one;", CONV),
    kernel("a bias where cuDNN has no way for it", "conv.cpp", "  if (plan->algorithm < 0 || plan->declined) return false;",
           "  if (plan->algorithm < 0) return false;", "Conv.*"),
    kernel("plans of convolutions do not know the type", "conv.cpp", "               int64_t(p.dtype),\n",
           "               0,\n", CONV),
    kernel("convolutions round to TF32", "conv.cpp",
           "return dtype == DType::f32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;", "return CUDNN_DEFAULT_MATH;", CONV),
    kernel("mean and deviation are swapped", "norm.cpp", "eps,\n        mean.raw(), inv_std.raw()));",
           "eps,\n        inv_std.raw(), mean.raw()));", NORM),
    kernel("running averages where there are none", "norm.cpp", "running ? state.running_mean.raw() : nullptr,",
           "mean.raw(),", NORM),
    kernel("plans of layers with relu do not check its algorithm", "matmul.cpp",
           "    plan.exists = serves(handle, plan);\n", "", MATMUL),
    # Values.
    kernel("a mask that was taken is not applied", "narrow_linear.cu", "p.masked ? p.mask(x, slope) : slope",
           "p.masked ? slope : slope", MATMUL + ":*ReluBetween*"),
    kernel("a forgotten copy of the bias where cuDNN adds none", "conv.cpp",
           "    spread_bias(bias, 1, y);\n", "", "Conv.*"),
    kernel("a bias gradient without the mask", "conv_grad.cu",
           "narrow<T>(widen(values.lane[lane]) * Relu::slope(widen(results.lane[lane])))", "values.lane[lane]",
           "Ops/FusedActivation.*"),
    kernel("a filter gradient without the mask", "conv_grad.cu", "if (y) dz[c] *=", "if (!y) dz[c] *=",
           "Ops/FusedActivation.*"),
    kernel("a forgotten activation", "conv.cpp", "activation_descriptor(p.params.activation)",
           "activation_descriptor(Activation::none)", "Ops/FusedActivation.*"),
    kernel("equal numbers are added without the last", "index_add.cu", "return last + 1;", "return last;", INDEX),
    kernel("a long run of equal numbers ends early", "index_add.cu", "for (step /= 2; step > 0; step /= 2)",
           "for (step /= 2; step > 1; step /= 2)", INDEX),
    kernel("equal elements change places", "sort.cu", "own_run_is_first ? before(other, value) : !before(value, other)",
           "own_run_is_first ? !before(value, other) : before(other, value)", SORT),
    kernel("a tile's sum does not go on", "sort.cu", "before = sums[kThreads - 1];", "before = A(0);", SORT),
    kernel("an update that ends after its blocks' first elements", "update.cu", "first < n; first += stride", "first < n; first += n * stride",
           "Optimizers.UpdateEvery*", "optim_test"),
    kernel("Philox counts elements, not blocks", "random.cu",
           "    f(philox(key, uint64_t(first + group) / 4), &out.lane[group]);",
           "    f(philox(key, uint64_t(first + group)), &out.lane[group]);", "Rand*.*:Philox.*", "core_test"),
    kernel("dropout does not scale", "random.cu", "narrow<T>(widen(value) * scale)", "narrow<T>(widen(value) * (scale / scale))",
           DROPOUT),
    kernel("a mean is divided twice", "reduce.cu", "  r.divisor = A(1);\n", "", REDUCE),
    kernel("the gradient of a maximum goes to every largest pixel", "pool.cu",
           "if (!same_value(value, largest) || !is_first(image, s.w, window, largest, pixel)) continue;",
           "if (!same_value(value, largest)) continue;", POOL),
    kernel("the gradient of a tile's maximum goes to every largest pixel", "pool.cu",
           "      if (wins) gradient = T(0);  // the first takes it\n", "", POOL),
    kernel("pooling keeps what its dropout drops", "pool.cu", "? value * finish.scale : Accumulate<T>(0);",
           "? value * finish.scale : value;", "Ops/FusedActivation.*"),
    kernel("pooling names the last largest pixel of a row", "pool.cu", "first < 0 && column < window.column_end",
           "column < window.column_end", CHECKED),
    Mutation("a cell's gradient does not pass the forget gate", "kernels/recurrent_cells.h", "dc0[at] = T(cell * f);",
             "dc0[at] = T(cell);", "ops_test", RECURRENT),
    Mutation("a sign's step goes up", "kernels/update_rules.h", "c < 0 ? -lr : c", "c < 0 ? lr : c", "optim_test", "MoreOptimizers.*"),
    Mutation("Adamax keeps the smaller", "kernels/update_rules.h", "Maximum::value(beta2 * largest",
             "Minimum::value(beta2 * largest", "optim_test", "MoreOptimizers.*"),
    kernel("the gradient of pooling with dropout looks for the result", "pool.cu",
           "finish.drops ? largest_pixel(image, s.w, window) : widen(y[place])", "widen(y[place])",
           "Ops/FusedActivation.*"),
]
