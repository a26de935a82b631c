// Internal: what oneDNN calls need. Its primitives are prepared once for a thread count and kept in plans;
// memory comes from the host allocator, so a call of known shape takes none from the system.
#pragma once

#include <oneapi/dnnl/dnnl_version.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "dlengine/core/op_params.h"
#include "dlengine/kernels/cpu/scratch.h"

namespace dlengine::onednn {

using Desc = dnnl::memory::desc;
using Sizes = dnnl::memory::dims;

/// "oneDNN 2.6.3".
std::string description();

const dnnl::engine& engine();

/// Threads that a primitive runs on when it is called here: all, but one inside of a parallel loop.
int team_size();

/// While it lives, this thread prepares and runs primitives for so many threads. A primitive must run under
/// the count under which it was prepared, or inside of a parallel loop if that was one.
class Team {
 public:
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

 private:
  int previous_;
};

/// Throws the dlengine error for a oneDNN error, which names what was to be done.
[[noreturn]] void fail_as(const char* what, const dnnl::error& error);

/// f(), with oneDNN's errors thrown as ours.
template <typename F>
decltype(auto) call(const char* what, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const dnnl::error& error) {
    fail_as(what, error);
  }
}

/// f32, row-major.
Desc plain(const Sizes& sizes);
/// f32 images [N, C, H, W], channels-last.
Desc channels_last(const Sizes& sizes);
/// f32 in the order that the primitive likes best.
Desc any(const Sizes& sizes);
/// The scratch memory comes from us, so that threads can run one primitive side by side.
dnnl::primitive_attr user_scratchpad();
/// The same, with an activation that is applied to the result.
dnnl::primitive_attr attributes(Activation activation);

/// oneDNN 2 describes an operation apart from how it is done; oneDNN 3 does it in one call.
inline constexpr bool kDescribesApart = DNNL_VERSION_MAJOR < 3;

/// How Primitive computes an operation, given by what both versions ask for: kinds, tensors, strides.
template <typename Primitive, typename... Operation>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attributes,
                                            const Operation&... operation) {
  if constexpr (kDescribesApart) {
    return {typename Primitive::desc(operation...), attributes, engine()};
  } else {
    return {engine(), operation..., attributes};
  }
}

/// The same for a gradient of what forward computes.
template <typename Primitive, typename Forward, typename... Operation>
typename Primitive::primitive_desc describe_gradient(const Forward& forward, const Operation&... operation) {
  if constexpr (kDescribesApart) {
    return {typename Primitive::desc(operation...), user_scratchpad(), engine(), forward};
  } else {
    return {engine(), operation..., forward, user_scratchpad()};
  }
}

/// One tensor of a primitive.
struct Argument {
  int name;  // DNNL_ARG_...
  const Desc& desc;
  const void* data;
};

/// A primitive with its arguments, ready to run any number of times. Arguments without data are left out.
class Call {
 public:
  Call(const dnnl::primitive& primitive, std::initializer_list<Argument> arguments);
  /// Runs it and waits for it.
  void operator()() const;

 private:
  static constexpr size_t kMostArguments = 6;

  dnnl::primitive primitive_;
  std::array<dnnl::memory, kMostArguments> memories_;
  std::array<dnnl_exec_arg_t, kMostArguments> list_;
  int count_ = 0;
};

/// Runs the primitive and waits for it.
inline void execute(const dnnl::primitive& primitive, std::initializer_list<Argument> arguments) {
  Call(primitive, arguments)();
}

/// An operand that is row-major for us and may have another order inside of the primitive.
class Operand {
 public:
  enum class Way { in, out };

  Operand() = default;
  Operand(const Desc& plain, const Desc& inner, Way way);

  const Desc& inner() const { return inner_; }
  bool is_plain() const { return !reorder_; }
  /// Bytes of the buffer that load() or store() needs; 0 if it is plain.
  size_t buffer_bytes() const { return is_plain() ? 0 : inner_.get_size(); }
  /// The elements in the primitive's order: data itself, or the buffer, filled from data.
  const void* load(const void* data, void* buffer) const;
  void store(const void* buffer, void* data) const;

 private:
  Desc plain_, inner_;
  std::optional<dnnl::reorder> reorder_;
};

}  // namespace dlengine::onednn
