// Softmax, sums of exponentials and the cross-entropy loss; all shift by the largest logit, so logits of 1000
// are safe.
#pragma once

#include "dlengine/core/tensor.h"

namespace dlengine {

/// exp(x) / sum(exp(x)) along an axis. Types: floating. Grads: x. Throws ShapeError, DTypeError.
Tensor softmax(const Tensor& x, int axis = -1);
/// log(softmax(x)), computed without taking the logarithm of a small number. Types: floating. Grads: x.
Tensor log_softmax(const Tensor& x, int axis = -1);
/// log(sum(exp(x))) along an axis, which goes away unless keep_axis. Of nothing, and where all elements are
/// -infinity, it is -infinity, with gradient 0. Types: floating. Grads: x. Throws ShapeError, DTypeError.
Tensor logsumexp(const Tensor& x, int axis = -1, bool keep_axis = false);

/// What becomes of the losses of single elements or rows. batchmean: their sum divided by the size of the
/// first axis.
enum class Reduction : uint8_t { none, mean, sum, batchmean };

/// Cross-entropy of softmax(logits) with the labels, in one pass, which gives the gradient as well.
///
/// Shapes: logits [N, C]; labels [N] of classes (u8, i32, i64) or [N, C] of probabilities (one-hot or soft,
/// floating);
///         -> [] for mean and batchmean (over N) and sum, [N] for none.
/// Types:  floating; the loss of 16-bit logits is f32.
/// Grads:  logits.
/// Throws: ShapeError, DTypeError, DeviceError; ValueError for a label outside of 0 .. C-1, naming row and
/// label (on a
///         GPU when the result is next read).
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction = Reduction::mean);

/// The same for a mean or a sum, which in the same pass is counted in totals f64 [5]: adds loss * N, rows
/// whose largest logit is at the label (of probabilities: at the first largest one), N and 1, and once a loss
/// is not finite, writes the number (from 1) of that call. Throws ValueError for Reduction::none, too.
Tensor counted_cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction, Tensor& totals);

}  // namespace dlengine
