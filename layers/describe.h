// Internal: options in words, for description(), and as window(). Not included from public headers.
#pragma once

#include <string>

#include "dlengine/core/check.h"
#include "dlengine/core/shape_rules.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// "3x5".
inline std::string text(Size2 size) { return by_x(dims_of(size)); }

/// ", padding 1x1", or nothing where all sizes are the usual one.
inline std::string unless_usual(const char* name, const Dims& value, int64_t usual) {
  return value == Dims::filled(value.rank(), usual) ? std::string()
                                                    : fmt::format(", {} {}", name, by_x(value));
}
/// "kernel 2x2, stride 1x1", for a pooling whose stride is not 0.
template <typename Params>
std::string describe_pool(const Params& params) {
  const Dims kernel = dims_of(params.kernel), stride = dims_of(params.stride);
  return fmt::format("kernel {}{}{}{}", by_x(kernel),
                     stride == kernel ? std::string() : fmt::format(", stride {}", by_x(stride)),
                     unless_usual("padding", dims_of(params.padding), 0),
                     params.count_include_pad ? "" : ", padding not counted");
}
/// What a pooling whose stride is not 0 looks at.
template <typename Params>
Window pool_window(const Params& params) {
  return {.extent = dims_of(params.kernel), .stride = dims_of(params.stride)};
}
/// Height and width of images [N, C, H, W].
inline Dims pixels_of(const Shape& images) { return {images[2], images[3]}; }
/// "12", or "?" where a size is yet to be found.
inline std::string text_or_unknown(int64_t size) { return size > 0 ? std::to_string(size) : "?"; }

}  // namespace dlengine
