// The table of Backend's functions, and how a call of one is put together again.
#include "dlengine/core/graph/functions.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/graph/arguments.h"
#include "dlengine/core/graph/contract.h"

namespace dlengine {
namespace {

template <typename T>
T initial() {
  if constexpr (std::is_same_v<T, Unary>) {
    return UnaryOp::abs;
  } else {
    return T{};
  }
}

/// Calls visit_argument for each argument; visitor.writes tells whether the function may write its tensors.
template <typename... Parameters, typename Visitor, typename Arguments>
void visit_arguments(Visitor& visitor, Arguments& arguments) {
  const auto visit = [&]<typename Parameter>(auto& argument) {
    visitor.writes =
        std::is_lvalue_reference_v<Parameter> && !std::is_const_v<std::remove_reference_t<Parameter>>;
    visit_argument(visitor, argument);
  };
  std::apply([&](auto&... argument) { (visit.template operator()<Parameters>(argument), ...); }, arguments);
}

template <typename Method>
struct Signature;
template <typename... Parameters>
struct Signature<void (Backend::*)(Parameters...)> {
  using Arguments = std::tuple<std::decay_t<Parameters>...>;
  static Arguments make() { return {initial<std::decay_t<Parameters>>()...}; }
  template <typename Visitor>
  static void visit(Visitor& visitor, Arguments& arguments) {
    visit_arguments<Parameters...>(visitor, arguments);
  }
};

struct RoleLister {
  bool writes = false;
  std::vector<bool> roles;
  void tensor(Tensor&) { roles.push_back(writes); }
  template <typename T>
  void plain(T&) {}
  template <typename T>
  void field(const char*, T&, const T&) {}
};

class AttributeReader {
 public:
  AttributeReader(const BackendFunction& function, const Attributes& attributes)
      : attributes_(attributes), next_plain_(function.plain.begin()) {}
  bool writes = false;
  void tensor(Tensor&) {}
  template <typename T>
  void plain(T& value) {
    const std::string name(*next_plain_++);
    const AttributeValue* given = find(name);
    check<IoError>(given, "{} is missing", name);
    value = decode_attribute<T>(name, *given);
  }
  template <typename T>
  void field(const char* name, T& value, const T& usual) {
    const AttributeValue* given = find(name);
    value = given ? decode_attribute<T>(name, *given) : usual;
  }
  void finish() const {
    for (const auto& [name, value] : attributes_) {
      check<IoError>(std::find(used_.begin(), used_.end(), name) != used_.end(),
                     "{} is none of its arguments", name);
    }
  }

 private:
  const AttributeValue* find(const std::string& name) {
    used_.push_back(name);
    const auto found = std::find_if(attributes_.begin(), attributes_.end(),
                                    [&](const auto& attribute) { return attribute.first == name; });
    return found == attributes_.end() ? nullptr : &found->second;
  }

  const Attributes& attributes_;
  std::vector<std::string_view>::const_iterator next_plain_;
  std::vector<std::string> used_;
};

struct TensorFiller {
  std::span<const Tensor> tensors;
  size_t next = 0;
  bool writes = false;
  void tensor(Tensor& target) { target = tensors[next++]; }
  template <typename T>
  void plain(T&) {}
  template <typename T>
  void field(const char*, T&, const T&) {}
};

template <auto kMethod, auto kContract>
BoundCall bind(const BackendFunction& self, const Attributes& attributes) {
  using Method = Signature<decltype(kMethod)>;
  typename Method::Arguments arguments = Method::make();
  AttributeReader reader(self, attributes);
  Method::visit(reader, arguments);
  reader.finish();
  const auto with = [arguments](std::span<const Tensor> tensors) {
    typename Method::Arguments filled = arguments;
    TensorFiller filler{tensors};
    Method::visit(filler, filled);
    return filled;
  };
  return {[with](Backend& backend, std::span<const Tensor> tensors) {
            auto filled = with(tensors);
            std::apply([&](auto&... argument) { (backend.*kMethod)(argument...); }, filled);
          },
          [with](std::span<const Tensor> tensors) { std::apply(kContract, with(tensors)); }};
}

template <auto kMethod, auto kContract>
BackendFunction function(std::string_view name, std::vector<std::string_view> plain = {},
                         bool in_place = false) {
  using Method = Signature<decltype(kMethod)>;
  typename Method::Arguments arguments = Method::make();
  RoleLister lister;
  Method::visit(lister, arguments);
  return {name, std::move(plain), in_place, std::move(lister.roles), bind<kMethod, kContract>};
}

std::vector<BackendFunction> make_table() {
  using B = Backend;
  constexpr bool kInPlace = true;
  return {
      function<&B::copy, contract::copy>("copy"),
      function<&B::fill, contract::fill>("fill", {"value"}),
      function<&B::index_select, contract::index_select>("index_select", {"axis"}),
      function<&B::index_add, contract::index_add>("index_add", {"axis"}),
      function<&B::gather, contract::gather>("gather", {"axis"}),
      function<&B::scatter_add, contract::scatter_add>("scatter_add", {"axis"}),
      function<&B::unary, contract::unary>("unary", {"op"}, kInPlace),
      function<&B::unary_grad, contract::unary_grad>("unary_grad", {"op"}),
      function<&B::relu_grad, contract::relu_grad>("relu_grad", {"scale"}, kInPlace),
      function<&B::scale_shift, contract::scale_shift>("scale_shift", {"scale", "shift"}),
      function<&B::binary, contract::binary>("binary", {"op"}, kInPlace),
      function<&B::compare, contract::compare>("compare", {"op"}),
      function<&B::where, contract::where>("where"),
      function<&B::reduce, contract::reduce>("reduce", {"op"}),
      function<&B::arg_reduce, contract::arg_reduce>("arg_reduce", {"largest", "axis"}),
      function<&B::cumsum, contract::cumsum>("cumsum", {"axis", "reverse"}),
      function<&B::argsort, contract::argsort>("argsort", {"axis", "descending"}),
      function<&B::matmul, contract::matmul>("matmul"),
      function<&B::linear, contract::linear>("linear"),
      function<&B::linear_grad, contract::linear_grad>("linear_grad"),
      function<&B::conv2d, contract::conv2d>("conv2d"),
      function<&B::conv2d_grad, contract::conv2d_grad>("conv2d_grad"),
      function<&B::max_pool2d, contract::max_pool2d>("max_pool2d"),
      function<&B::max_pool2d_grad, contract::max_pool2d_grad>("max_pool2d_grad"),
      function<&B::max_pool2d_indices, contract::max_pool2d_indices>("max_pool2d_indices"),
      function<&B::avg_pool2d, contract::avg_pool2d>("avg_pool2d"),
      function<&B::avg_pool2d_grad, contract::avg_pool2d_grad>("avg_pool2d_grad"),
      function<&B::batch_norm_train, contract::batch_norm_train>("batch_norm_train"),
      function<&B::batch_norm_eval, contract::batch_norm_eval>("batch_norm_eval"),
      function<&B::batch_norm_grad, contract::batch_norm_grad>("batch_norm_grad"),
      function<&B::lstm_cell, contract::lstm_cell>("lstm_cell"),
      function<&B::lstm_cell_grad, contract::lstm_cell_grad>("lstm_cell_grad"),
      function<&B::gru_cell, contract::gru_cell>("gru_cell"),
      function<&B::gru_cell_grad, contract::gru_cell_grad>("gru_cell_grad"),
      function<&B::softmax, contract::softmax>("softmax", {"log"}),
      function<&B::softmax_grad, contract::softmax_grad>("softmax_grad", {"log"}),
      function<&B::cross_entropy, contract::cross_entropy>("cross_entropy"),
      function<&B::cross_entropy_grad, contract::cross_entropy_grad>("cross_entropy_grad", {"divisor"}),
  };
}

}  // namespace

std::span<const BackendFunction> backend_functions() {
  static const std::vector<BackendFunction> all = make_table();
  return all;
}

const BackendFunction& backend_function(std::string_view name) {
  for (const BackendFunction& function : backend_functions()) {
    if (function.name == name) return function;
  }
  fail<IoError>("there is no function \"{}\"", name);
}

}  // namespace dlengine
