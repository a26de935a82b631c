// Every function of every backend, called directly: it writes all of its outputs, nothing around them, and
// the same bits when it is called again.
#include <deque>
#include <functional>
#include <ostream>
#include <random>

#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/layout.h"

namespace dlengine::test {
namespace {

/// What one call reads and writes. Outputs lie at an odd offset between NaNs and are NaN themselves until
/// written.
class Call {
 public:
  Call(Device device, DType dtype, Layout layout)
      : backend(backend_for(device)), device_(device), dtype_(dtype), layout_(layout) {}

  Tensor in(const Shape& shape, double low = -1) { return in(shape, low, layout_); }
  /// Images in the layout of convolutions.
  Tensor images(const Shape& shape) { return in(shape, -1, image_layout()); }
  /// Contents are read and written again.
  Tensor& inout(const Shape& shape) { return add(random_array(shape, 0, 1, rng_), dtype_, layout_); }
  Tensor& out(const Shape& shape) { return out(shape, dtype_); }
  Tensor& out(const Shape& shape, DType dtype) {
    return add(NdArray(shape, is_floating(dtype) ? NAN : 0), dtype, layout_);
  }
  Tensor& out_images(const Shape& shape) { return add(NdArray(shape, NAN), dtype_, image_layout()); }
  /// i64 0 .. limit-1, in turn.
  Tensor index(const Shape& shape, int64_t limit) {
    NdArray values(shape);
    for (int64_t i = 0; i < values.numel(); ++i) values[i] = static_cast<double>(i * 5 % limit);
    return to_tensor(values, DType::i64, device_);
  }
  /// Of count_batch(): something is there already.
  Tensor totals() { return add(NdArray({5}, 3), DType::f64, layout_); }
  DType channel_type() const { return dtype_ == DType::f64 ? DType::f64 : DType::f32; }
  Tensor channels(int64_t count) { return full({count}, 0.5, channel_type(), device_); }

  void check() const {
    for (const GuardedTensor& guarded : guarded_)
      EXPECT_TRUE(guarded.surroundings_untouched()) << "wrote too far";
    for (const GuardedTensor& guarded : inputs_) EXPECT_TRUE(guarded.untouched()) << "wrote to an input";
    for (const std::vector<double>& values : results()) {
      for (size_t i = 0; i < values.size(); ++i)
        ASSERT_FALSE(std::isnan(values[i])) << "element " << i << " not written";
    }
  }
  std::vector<std::vector<double>> results() const {
    std::vector<std::vector<double>> all;
    for (const GuardedTensor& guarded : guarded_) all.push_back(guarded.view().to_vector<double>());
    return all;
  }

  Backend& backend;

 private:
  Layout image_layout() const {
    return backend.wants_channels_last(dtype_) ? Layout::channels_last : layout_;
  }
  Tensor in(const Shape& shape, double low, Layout layout) {
    inputs_.emplace_back(rounded(random_array(shape, low, 1, rng_), dtype_), dtype_, device_, layout);
    return inputs_.back().view();
  }
  Tensor& add(const NdArray& values, DType dtype, Layout layout) {
    guarded_.emplace_back(values, dtype, device_, layout);
    return handles_.emplace_back(guarded_.back().view());
  }

  Device device_;
  DType dtype_;
  Layout layout_;
  std::mt19937_64 rng_{1};
  std::deque<GuardedTensor> guarded_, inputs_;  // deques: references to elements stay
  std::deque<Tensor> handles_;
};

struct KernelRow {
  const char* name;
  void (*run)(Call&);
  bool half_types = true;
  friend std::ostream& operator<<(std::ostream& out, const KernelRow& row) { return out << row.name; }
};

constexpr PhiloxKey kKey{1, 2};
constexpr int64_t n = 70'001;  // enough for two threads, and odd
const Conv2dParams kConv{.stride = {2, 1}, .padding = 1, .groups = 3};
const Pool2dParams kPool{.kernel = 3, .stride = 2, .padding = 1};
const Shape kImages{2, 6, 17, 13}, kFilters{9, 2, 3, 3}, kConvolved{2, 9, 9, 13}, kPooled{2, 6, 9, 7};

void max_pool(Call& c, const Pool2dParams& params, const Shape& pooled) {
  const Tensor x = c.images(kImages);
  Tensor& y = c.out_images(pooled);
  c.backend.max_pool2d(x, params, y);
  c.backend.max_pool2d_grad(x, y, c.images(pooled), params, c.out_images(kImages));
}

void batch_norm_of_convolved(Call& c) {
  const Tensor x = c.images(kImages), gamma = c.channels(6);
  const DType type = c.channel_type();
  Backend::BatchNormState state{{}, {}, 0, 1e-5, Activation::relu};
  Tensor &mean = c.out({6}, type), &inv_std = c.out({6}, type), &y = c.out_images(kImages);
  c.backend.batch_norm_train(x, gamma, gamma, state, y, mean, inv_std);
  c.backend.batch_norm_grad(x, gamma, mean, inv_std, y, c.images(kImages), c.out_images(kImages),
                            c.out({6}, type), c.out({6}, type));
  state.running_mean = state.running_var = gamma;
  c.backend.batch_norm_eval(x, gamma, gamma, state, c.out_images(kImages));
}

void dropout(Call& c, const Shape& images) {
  c.backend.dropout(c.images(images), 0.3, kKey, c.out_images(images));
}

const KernelRow kRows[] = {
    {"copy",
     [](Call& c) {
       c.backend.copy(c.in({13, 5413}).transpose(0, 1), c.out({5413, 13}));
     }},
    {"fill", [](Call& c) { c.backend.fill(c.out({n}), 3); }},
    {"index_select",
     [](Call& c) {
       c.backend.index_select(c.in({7, 11, 5}), 1, c.index({23}, 11), c.out({7, 23, 5}));
     }},
    {"index_add",
     [](Call& c) {
       c.backend.index_add(c.in({7, 23, 5}), 1, c.index({23}, 10), c.out({7, 11, 5}));
     }},
    {"index_add_of_many",
     [](Call& c) {
       c.backend.index_add(c.in({3, 1500, 5}), 1, c.index({1500}, 10), c.out({3, 11, 5}));
     }},
    {"gather",
     [](Call& c) {
       c.backend.gather(c.in({9, 11}), 1, c.index({9, 3}, 11), c.out({9, 3}));
     }},
    {"scatter_add",
     [](Call& c) {
       c.backend.scatter_add(c.in({8, 3}), 1, c.index({8, 3}, 11), c.out({9, 11}));
     }},
    {"scatter_add_of_many",
     [](Call& c) {
       c.backend.scatter_add(c.in({300, 3}), 0, c.index({300, 3}, 11), c.out({12, 4}));
     }},
    {"uniform", [](Call& c) { c.backend.uniform(c.out({n}), -1, 1, kKey); }},
    {"normal", [](Call& c) { c.backend.normal(c.out({n}), 0, 1, kKey); }},
    {"dropout", [](Call& c) { c.backend.dropout(c.in({n}), 0.3, kKey, c.out({n})); }},
    {"unary", [](Call& c) { c.backend.unary(UnaryOp::tanh, c.in({n}), c.out({n})); }},
    {"unary_grad", [](Call& c) { c.backend.unary_grad(UnaryOp::tanh, c.in({n}), c.in({n}), c.out({n})); }},
    {"scale_shift", [](Call& c) { c.backend.scale_shift(c.in({n}), 2, 1, c.out({n})); }},
    {"binary", [](Call& c) { c.backend.binary(BinaryOp::mul, c.in({n}), c.in({n}), c.out({n})); }},
    {"compare",
     [](Call& c) { c.backend.compare(CompareOp::lt, c.in({n}), c.in({n}), c.out({n}, DType::boolean)); }},
    {"where",
     [](Call& c) {
       Tensor& condition = c.out({n}, DType::boolean);
       c.backend.compare(CompareOp::lt, c.in({n}), c.in({n}), condition);
       c.backend.where(condition, c.in({n}), c.in({n}), c.out({n}));
     }},
    {"reduce_rows",
     [](Call& c) {
       c.backend.reduce(ReduceOp::sum, c.in({257, 301}), c.out({257, 1}));
     }},
    {"reduce_columns",
     [](Call& c) {
       c.backend.reduce(ReduceOp::mean, c.in({257, 301}), c.out({1, 301}));
     }},
    {"reduce_all",
     [](Call& c) {
       c.backend.reduce(ReduceOp::max, c.in({257, 301}), c.out({1, 1}));
     }},
    {"reduce_middle",
     [](Call& c) {
       c.backend.reduce(ReduceOp::sum, c.in({5, 131, 37}), c.out({5, 1, 37}));
     }},
    {"arg_reduce",
     [](Call& c) {
       c.backend.arg_reduce(true, c.in({257, 31}), 1, c.out({257, 1}, DType::i64));
     }},
    {"cumsum",
     [](Call& c) {
       c.backend.cumsum(c.in({257, 31}), 1, false, c.out({257, 31}));
       c.backend.cumsum(c.in({31, 257}), 1, true, c.out({31, 257}));
     }},
    {"argsort",
     [](Call& c) {
       c.backend.argsort(c.in({5, 131, 3}), 1, false, c.out({5, 131, 3}, DType::i64));
     }},
    {"matmul",
     [](Call& c) {
       c.backend.matmul(c.in({3, 45, 37}), c.in({3, 37, 29}), c.out({3, 45, 29}));
     }},
    {"linear",
     [](Call& c) {
       c.backend.linear(c.in({45, 37}), c.in({29, 37}), c.in({29}), Activation::relu, c.out({45, 29}));
     }},
    {"linear_grad",
     [](Call& c) {
       for (const int64_t outputs : {1, 10, 32, 33}) {
         for (const double mask_scale : {0.0, 2.0}) {
           Backend::LinearGrads grads{c.out({133, 67}), c.out({outputs, 67}), c.out({outputs}), mask_scale};
           c.backend.linear_grad(c.in({133, outputs}), c.in({133, 67}), c.in({outputs, 67}), grads);
         }
       }
       Backend::LinearGrads weights{{}, c.out({10, 67}), {}, 0}, inputs{c.out({5, 67}), {}, {}, 0};
       c.backend.linear_grad(c.in({1025, 10}), c.in({1025, 67}), c.in({10, 67}), weights);
       c.backend.linear_grad(c.in({5, 10}), c.in({5, 67}), c.in({10, 67}), inputs);
     }},
    {"conv2d",
     [](Call& c) {
       c.backend.conv2d(c.images(kImages), c.in(kFilters), c.in({9}), kConv, c.out_images(kConvolved));
     }},
    {"conv2d_grad_input",
     [](Call& c) {
       Backend::Conv2dGradients gradients;
       gradients.dx = c.out_images(kImages);
       c.backend.conv2d_grad(c.images(kConvolved), c.images(kConvolved), c.images(kImages), c.in(kFilters),
                             kConv, gradients);
     }},
    {"conv2d_grad_weight",
     [](Call& c) {
       Backend::Conv2dGradients gradients;
       gradients.dw = c.out(kFilters);
       gradients.db = c.out({9});
       c.backend.conv2d_grad(c.images(kConvolved), c.images(kConvolved), c.images(kImages), c.in(kFilters),
                             kConv, gradients);
     }},
    {"max_pool2d",
     [](Call& c) {
       const Tensor x = c.in(kImages);
       Tensor& y = c.out(kPooled);
       c.backend.max_pool2d(x, kPool, y);
       c.backend.max_pool2d_grad(x, y, c.in(kPooled), kPool, c.out(kImages));
     }},
    {"avg_pool2d", [](Call& c) { c.backend.avg_pool2d(c.in(kImages), kPool, c.out(kPooled)); }},
    {"avg_pool2d_grad", [](Call& c) { c.backend.avg_pool2d_grad(c.in(kPooled), kPool, c.out(kImages)); }},
    {"max_pool2d_of_convolved", [](Call& c) { max_pool(c, kPool, kPooled); }},
    {"max_pool2d_halves_convolved",
     [](Call& c) {
       max_pool(c, {.kernel = 2, .stride = 2}, {2, 6, 8, 6});
     }},
    {"avg_pool2d_of_convolved",
     [](Call& c) {
       c.backend.avg_pool2d(c.images(kImages), kPool, c.out_images(kPooled));
       c.backend.avg_pool2d_grad(c.images(kPooled), kPool, c.out_images(kImages));
     }},
    {"batch_norm_of_convolved", batch_norm_of_convolved},
    {"dropout_of_convolved",
     [](Call& c) {
       dropout(c, {2, 6, 17, 13});
     }},
    {"dropout_of_convolved_by_fours",
     [](Call& c) {
       dropout(c, {2, 20, 6, 10});
     }},
    {"batch_norm_train",
     [](Call& c) {
       const Tensor x = c.in(kImages);
       const DType type = c.channel_type();
       Backend::BatchNormState state{c.out({6}, type), c.out({6}, type), 0.1, 1e-5};
       state.running_mean.fill_(0);
       state.running_var.fill_(1);
       Tensor &mean = c.out({6}, type), &inv_std = c.out({6}, type);
       c.backend.batch_norm_train(x, c.channels(6), c.channels(6), state, c.out(kImages), mean, inv_std);
       c.backend.batch_norm_grad(x, c.channels(6), mean, inv_std, {}, c.in(kImages), c.out(kImages),
                                 c.out({6}, type), c.out({6}, type));
     }},
    {"batch_norm_eval",
     [](Call& c) {
       const Backend::BatchNormState state{c.channels(6), c.channels(6), 0.1, 1e-5};
       c.backend.batch_norm_eval(c.in(kImages), c.channels(6), c.channels(6), state, c.out(kImages));
     }},
    {"softmax",
     [](Call& c) {
       c.backend.softmax(c.in({301, 37}), false, c.out({301, 37}));
     }},
    {"softmax_grad",
     [](Call& c) {
       c.backend.softmax_grad(c.in({301, 37}), c.in({301, 37}), true, c.out({301, 37}));
     }},
    {"cross_entropy",
     [](Call& c) {
       const Tensor x = c.in({301, 37}), classes = c.index({301}, 37);
       Backend::CrossEntropy rows{c.out({301}, c.channel_type()), 1, c.out({301, 37}), {}};
       c.backend.cross_entropy(x, classes, rows);
       c.backend.cross_entropy_grad(x, classes, rows.loss, 3, c.out({301, 37}));
     }},
    {"cross_entropy_of_probabilities",
     [](Call& c) {
       const Tensor x = c.in({301, 37}), target = c.in({301, 37}, 0);
       Backend::CrossEntropy rows{c.out({301}, c.channel_type()), 1, c.out({301, 37}), {}};
       c.backend.cross_entropy(x, target, rows);
       c.backend.cross_entropy_grad(x, target, rows.loss, 3, c.out({301, 37}));
     }},
    {"cross_entropy_reduced_and_counted",
     [](Call& c) {
       for (const int64_t columns : {37, 1037}) {
         const Tensor x = c.in({31, columns});
         for (const Tensor& target : {c.index({31}, columns), c.in({31, columns}, 0)}) {
           Backend::CrossEntropy mean{.loss = c.out({}, c.channel_type()),
                                      .divisor = 31,
                                      .dx = c.out({31, columns}),
                                      .totals = c.totals()};
           c.backend.cross_entropy(x, target, mean);
         }
       }
     }},
    {"sgd_update",
     [](Call& c) {
       c.backend.sgd_update(c.inout({n}), c.in({n}), c.inout({n}), {.clock = {.lr = 0.1}, .momentum = 0.9});
     },
     false},
    {"rmsprop_update",
     [](Call& c) {
       c.backend.rmsprop_update(c.inout({n}), c.in({n}), c.inout({n}), c.inout({n}),
                                {.clock = {.lr = 0.1}, .rho = 0.9, .eps = 1e-7, .momentum = 0.9});
     },
     false},
    {"adam_update",
     [](Call& c) {
       c.backend.adam_update(c.inout({n}), c.in({n}), c.inout({n}), c.inout({n}),
                             {.clock = {.lr = 0.1}, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8});
     },
     false},
    {"adagrad_update",
     [](Call& c) {
       c.backend.adagrad_update(c.inout({n}), c.in({n}), c.inout({n}), {.clock = {.lr = 0.1}, .eps = 1e-7});
     },
     false},
    {"adadelta_update",
     [](Call& c) {
       c.backend.adadelta_update(c.inout({n}), c.in({n}), c.inout({n}), c.inout({n}),
                                 {.clock = {.lr = 0.1}, .rho = 0.9, .eps = 1e-6});
     },
     false},
    {"adamax_update",
     [](Call& c) {
       c.backend.adamax_update(c.inout({n}), c.in({n}), c.inout({n}), c.inout({n}),
                               {.clock = {.lr = 0.1}, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8});
     },
     false},
    {"nadam_update",
     [](Call& c) {
       c.backend.nadam_update(
           c.inout({n}), c.in({n}), c.inout({n}), c.inout({n}),
           {.clock = {.lr = 0.1}, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .momentum_decay = 0.004});
     },
     false},
    {"lion_update",
     [](Call& c) {
       c.backend.lion_update(c.inout({n}), c.in({n}), c.inout({n}),
                             {.clock = {.lr = 0.1}, .beta1 = 0.9, .beta2 = 0.99});
     },
     false},
};

class Kernel : public ::testing::TestWithParam<KernelRow> {};

TEST_P(Kernel, WritesAllOfItsOutputsNothingElseAndRepeats) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      if (!GetParam().half_types && eps(dtype) > eps(DType::f32)) continue;
      // Vector loads take aligned addresses, and single elements the others.
      for (const Layout layout : {Layout::contiguous, Layout::shifted}) {
        SCOPED_TRACE(std::string(name(dtype)) + " " + to_string(device) + " " + std::string(name(layout)));
        Call first(device, dtype, layout), second(device, dtype, layout);
        GetParam().run(first);
        GetParam().run(second);
        first.check();
        EXPECT_EQ(first.results(), second.results());
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Kernel, ::testing::ValuesIn(kRows),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace dlengine::test
