// Cross-entropy in one pass over the rows: losses, the gradient of the logits, and hits.
#include <cmath>

#include "dlengine/core/check.h"
#include "dlengine/kernels/batch_totals.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/scratch.h"
#include "dlengine/kernels/cpu/softmax.h"
#include "dlengine/kernels/row_gradients.h"

namespace dlengine {

namespace {

/// One row of n logits, and log(sum(exp(x))).
template <typename T>
struct Logits {
  using A = Accumulate<T>;
  const T* x;
  int64_t n;
  LogSum<A> sum;

  Logits(const T* row, int64_t length) : x(row), n(length), sum(log_sum_exp(row, length)) {}
  A minus_log_probability(int64_t i) const { return sum.minus_log_probability(A(x[i])); }
  A probability(int64_t i) const { return sum.probability(A(x[i])); }
};

/// One row's target is a class.
template <typename T>
struct Class {
  using A = Accumulate<T>;
  int64_t label;

  A loss(const Logits<T>& logits) const { return logits.minus_log_probability(label); }
  A total(int64_t) const { return A(1); }
  A share(int64_t i) const { return A(label == i); }
  int64_t best(int64_t) const { return label; }
};

/// One row's target are the probabilities of all classes; one of 0 does not count, even where the logit is
/// -infinity.
template <typename T>
struct Probabilities {
  using A = Accumulate<T>;
  const T* shares;

  A loss(const Logits<T>& logits) const {
    return fold<SumFold, A>(0, logits.n, [&](int64_t i) {
      return share(i) == A(0) ? A(0) : share(i) * logits.minus_log_probability(i);
    });
  }
  A total(int64_t n) const {
    return fold<SumFold, A>(0, n, [&](int64_t i) { return share(i); });
  }
  A share(int64_t i) const { return A(shares[i]); }
  int64_t best(int64_t n) const { return arg_extreme<Greater>(shares, n, 1); }
};

/// Where the labels of all rows are.
template <typename T>
struct Classes {
  const int64_t* labels;

  Class<T> row(int64_t row, int64_t classes) const {
    check<ValueError>(labels[row] >= 0 && labels[row] < classes,
                      "cross_entropy: label {} of row {} is outside of the classes 0 .. {}", labels[row], row,
                      classes - 1);
    return {labels[row]};
  }
};
template <typename T>
struct AllProbabilities {
  const T* shares;

  Probabilities<T> row(int64_t row, int64_t classes) const { return {shares + row * classes}; }
};

/// dx = (softmax(x) * sum(target) - target) * scale
template <typename T, typename Target>
void write_gradient(const Logits<T>& logits, const Target& target, Accumulate<T> scale, T* dx) {
  const Accumulate<T> total = target.total(logits.n);
  for (int64_t i = 0; i < logits.n; ++i) {
    dx[i] = T((logits.probability(i) * total - target.share(i)) * scale);
  }
}

/// Where the results go; null: not wanted.
template <typename T>
struct Results {
  using A = Accumulate<T>;
  A* losses;
  T* dx;
  A* total;
  A divisor, scale;  // of the total; of dx
  int64_t* hits;     // of every row, and with them the totals
  BatchTotals* totals;

  void add_rows(int64_t rows) const {
    *total = fold<SumFold, A>(0, rows, [this](int64_t row) { return losses[row]; }) / divisor;
    if (!totals) return;
    totals->add(double(*total), fold<SumFold, int64_t>(0, rows, [this](int64_t row) { return hits[row]; }),
                rows);
  }
};

/// Calls f(Type<T>{}, targets).
template <typename F>
void visit_targets(const char* name, const Tensor& x, const Tensor& target, F&& f) {
  visit_floating(x.dtype(), name, [&]<typename T>(Type<T> type) {
    if (target.rank() == 1) {
      f(type, Classes<T>{target.data<int64_t>()});
    } else {
      f(type, AllProbabilities<T>{target.data<T>()});
    }
  });
}

}  // namespace

void CpuBackend::cross_entropy(const Tensor& x, const Tensor& target, CrossEntropy& result) {
  const int64_t rows = x.shape()[0], n = x.shape()[1];
  const bool reduced = result.loss.rank() == 0, counted = result.totals.defined();
  const Scratch losses(reduced ? size_t(rows) * sizeof(double) : 0);
  const Scratch hits(counted ? size_t(rows) * sizeof(int64_t) : 0);
  visit_targets("cross_entropy", x, target, [&]<typename T, typename Targets>(Type<T>, Targets targets) {
    using A = Accumulate<T>;
    const Results<T> to{
        .losses = reduced ? losses.as<A>() : result.loss.data<A>(),
        .dx = result.dx.defined() ? result.dx.data<T>() : nullptr,
        .total = reduced ? result.loss.data<A>() : nullptr,
        .divisor = A(result.divisor),
        .scale = A(1 / result.divisor),
        .hits = hits.as<int64_t>(),
        .totals = counted ? reinterpret_cast<BatchTotals*>(result.totals.data<double>()) : nullptr};
    launch([=, logits = x.data<T>()] {
      for_rows(rows, n, [=](int64_t row) {
        const Logits<T> of_row(logits + row * n, n);
        const auto label = targets.row(row, n);
        to.losses[row] = label.loss(of_row);
        if (to.dx) write_gradient(of_row, label, to.scale, to.dx + row * n);
        if (to.totals) to.hits[row] = arg_extreme<Greater>(of_row.x, n, 1) == label.best(n);
      });
      if (to.total) to.add_rows(rows);
    });
  });
}

void CpuBackend::cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& dloss,
                                    double divisor, Tensor& dx) {
  const int64_t n = x.shape()[1];
  visit_targets("cross_entropy_grad", x, target, [&]<typename T, typename Targets>(Type<T>, Targets targets) {
    using A = Accumulate<T>;
    const RowGradients<A> slopes{dloss.data<A>(), dloss.numel() == 1 ? 0 : 1, A(1 / divisor)};
    launch_rows(x, [=, logits = x.data<T>(), to = dx.data<T>()](int64_t row) {
      write_gradient(Logits<T>(logits + row * n, n), targets.row(row, n), slopes[row], to + row * n);
    });
  });
}

}  // namespace dlengine
