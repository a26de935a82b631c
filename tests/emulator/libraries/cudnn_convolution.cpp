// What cuDNN's convolutions refuse, and what nobody should ask of them.
#include "tests/emulator/libraries/cudnn_convolution.h"

#include <fmt/format.h>

#include <algorithm>

namespace dlengine::emulator {

namespace {

int64_t output_size(int64_t input, int64_t pad, int64_t filter, int64_t dilation, int64_t stride) {
  return (input + 2 * pad - ((filter - 1) * dilation + 1)) / stride + 1;
}

cudnnStatus_t check_types(const Convolution& c) {
  if (c.w.type != c.x.type || c.y.type != c.x.type)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, "x, w and y of different types");
  const cudnnDataType_t compute = c.element() == Element::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
  if (c.options.compute != compute) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated,
                  fmt::format("compute type {} for data type {}", int(c.options.compute), int(c.x.type)));
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_shapes(const Convolution& c) {
  const ConvolutionOptions& o = c.options;
  const bool groups_fit = c.w.c * o.groups == c.x.c && c.w.n % o.groups == 0;
  const Packed4d y{c.y.type, c.x.n, c.w.n, output_size(c.x.h, o.pad_h, c.w.h, o.dilation_h, o.stride_h),
                   output_size(c.x.w, o.pad_w, c.w.w, o.dilation_w, o.stride_w)};
  if (groups_fit && y == c.y) return CUDNN_STATUS_SUCCESS;
  return refuse(CUDNN_STATUS_BAD_PARAM, kind::kWrongShape,
                fmt::format("x {} and w {} in {} groups give y {}, got {}", c.x.text(), c.w.text(), o.groups,
                            groups_fit ? y.text() : "nothing", c.y.text()));
}

cudnnStatus_t check_workspace(const Convolution& c, const Workspace& workspace) {
  const size_t need = c.workspace_bytes();
  if (!workspace.data || workspace.bytes < need) {
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kSmallWorkspace,
                  fmt::format("the algorithm needs {} bytes of workspace, got {}", need,
                              workspace.data ? workspace.bytes : 0));
  }
  if (reinterpret_cast<uintptr_t>(workspace.data) % 16 != 0)
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kMisalignedOperand,
                  "the workspace is not aligned to 16 bytes");
  return CUDNN_STATUS_SUCCESS;
}

// The result may not share memory with the operands.
cudnnStatus_t check_overlaps(const ConvolutionWork& work) {
  struct Range {
    const char *begin, *end;
  };
  const Convolution& c = work.convolution;
  const auto range = [](const void* data, size_t bytes) {
    const auto* begin = static_cast<const char*>(data);
    return Range{begin, begin + bytes};
  };
  const Range ranges[] = {range(work.x, c.x.bytes()), range(work.w, c.w.bytes()), range(work.y, c.y.bytes()),
                          range(work.workspace, c.workspace_bytes())};
  const int result = c.direction == Direction::forward ? 2 : c.direction == Direction::backward_data ? 0 : 1;
  for (int i = 0; i < 4; ++i) {
    for (const int written : {result, 3}) {
      if (i != written && ranges[i].begin < ranges[written].end && ranges[written].begin < ranges[i].end)
        return refuse(CUDNN_STATUS_BAD_PARAM, kind::kOverlap,
                      "the result or the workspace overlaps an operand");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t enqueue_convolution(cudnnHandle_t handle, ConvolutionWork work, const Factors& factors,
                                  const Workspace& workspace) {
  const Convolution& c = work.convolution;
  work.workspace = workspace.data;
  cudnnStatus_t status = check_pointer("x", work.x);
  if (status == CUDNN_STATUS_SUCCESS) status = check_pointer("w", work.w);
  if (status == CUDNN_STATUS_SUCCESS) status = check_pointer("y", work.y);
  if (status == CUDNN_STATUS_SUCCESS) status = check_workspace(c, workspace);
  if (status == CUDNN_STATUS_SUCCESS) status = check_overlaps(work);
  if (status == CUDNN_STATUS_SUCCESS)
    status = read_blend(c.element(), factors.alpha, factors.beta, work.blend);
  if (status == CUDNN_STATUS_SUCCESS) status = enqueue_on(handle, [work] { run(work); });
  return status;
}

cudnnStatus_t read_convolution(cudnnHandle_t handle, const ConvolutionDescriptors& from, Convolution& to) {
  cudnnStatus_t status = check_handle(handle);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  const Packed4d* x = find_set(from.x, "x");
  const Packed4d* w = find_set(from.w, "w");
  const Packed4d* y = find_set(from.y, "y");
  const ConvolutionOptions* options = find_set(from.options, "the convolution");
  if (!x || !w || !y || !options) return CUDNN_STATUS_BAD_PARAM;
  to = {to.direction, *x, *w, *y, *options};
  status = check_types(to);
  return status == CUDNN_STATUS_SUCCESS ? check_shapes(to) : status;
}

}  // namespace dlengine::emulator
