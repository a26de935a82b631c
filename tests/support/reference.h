// Every operation again: slow, plain float64 loops that share no code with the library but shapes and
// parameters.
#pragma once

#include <functional>
#include <vector>

#include "dlengine/core/window_params.h"
#include "tests/support/ndarray.h"

namespace dlengine::test::reference {

// --- Elements ---
NdArray map(const NdArray& x, const std::function<double(double)>& f);
/// Broadcasts as NumPy does.
NdArray zip(const NdArray& a, const NdArray& b, const std::function<double(double, double)>& f);
NdArray expand(const NdArray& x, const Shape& shape);
/// The reverse of expand: sums over the axes along which `shape` was repeated.
NdArray sum_to(const NdArray& x, const Shape& shape);

// --- Reductions: f gets the elements that fall onto one result, in row-major order ---
using Fold = std::function<double(const std::vector<double>&)>;
/// No axes: all of them. Axes are not negative here.
NdArray reduce(const NdArray& x, const Shape& axes, bool keep_axes, const Fold& f);
double fold_sum(const std::vector<double>& x);
double fold_mean(const std::vector<double>& x);
double fold_max(const std::vector<double>& x);
double fold_min(const std::vector<double>& x);

// --- Products ---
NdArray matmul(const NdArray& a, const NdArray& b);
/// bias: none if it has no elements.
NdArray linear(const NdArray& x, const NdArray& weight, const NdArray& bias);

// --- Images ---
NdArray conv2d(const NdArray& x, const NdArray& w, const NdArray& bias, const Conv2dParams& params);
NdArray max_pool2d(const NdArray& x, const Pool2dParams& params);
NdArray avg_pool2d(const NdArray& x, const Pool2dParams& params);
NdArray conv3d(const NdArray& x, const NdArray& w, const NdArray& bias, const Conv3dParams& params);
NdArray conv_transpose2d(const NdArray& x, const NdArray& w, const NdArray& bias,
                         const ConvTranspose2dParams& params);
NdArray max_pool3d(const NdArray& x, const Pool3dParams& params);
NdArray avg_pool3d(const NdArray& x, const Pool3dParams& params);
NdArray adaptive_avg_pool2d(const NdArray& x, Size2 size);
NdArray interpolate(const NdArray& x, const InterpolateParams& params);
/// Counts the places of a window by trying them, without the closed formula.
int64_t places(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation);

// --- Normalisation over all axes but 1 ---
struct ChannelStatistics {
  std::vector<double> mean;
  std::vector<double> variance;           // divided by n
  std::vector<double> unbiased_variance;  // divided by n - 1
};
ChannelStatistics channel_statistics(const NdArray& x);
NdArray batch_norm(const NdArray& x, const NdArray& weight, const NdArray& bias, double eps);
NdArray normalize(const NdArray& x, const NdArray& weight, const NdArray& bias,
                  const std::vector<double>& mean, const std::vector<double>& variance, double eps);

/// Of every `rows`-th part of x by itself.
NdArray standardized(const NdArray& x, int64_t rows, double eps);

// --- Softmax ---
NdArray softmax(const NdArray& x, int axis);
NdArray log_softmax(const NdArray& x, int axis);
/// -sum(target * log_softmax(logits)) of each row; target [N, C].
NdArray cross_entropy(const NdArray& logits, const NdArray& target);
NdArray one_hot(const NdArray& labels, int64_t classes);

// --- Moving elements ---
NdArray permute(const NdArray& x, const std::vector<int>& axes);
NdArray slice(const NdArray& x, int axis, int64_t start, int64_t count, int64_t step);
NdArray index_select(const NdArray& x, int axis, const std::vector<int64_t>& index);
NdArray gather(const NdArray& x, int axis, const NdArray& index);
NdArray concat(const std::vector<NdArray>& parts, int axis);

}  // namespace dlengine::test::reference
