// oneDNN's engine, threads, errors and memory.
#include "dlengine/kernels/cpu/onednn.h"

#include <omp.h>

#include "dlengine/core/check.h"
#include "dlengine/core/parallel.h"

namespace dlengine::onednn {

namespace {

dnnl::stream& stream() {
  thread_local dnnl::stream stream(engine());
  return stream;
}

template <typename PostOps>
void append_relu(PostOps& after) {
  if constexpr (kDescribesApart) {
    after.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
  } else {
    after.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  }
}

}  // namespace

std::string description() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

const dnnl::engine& engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

int team_size() { return omp_in_parallel() ? 1 : num_threads(); }

Team::Team(int threads) : previous_(omp_get_max_threads()) {
  if (threads != previous_) omp_set_num_threads(threads);
}

Team::~Team() {
  if (omp_get_max_threads() != previous_) omp_set_num_threads(previous_);
}

void fail_as(const char* what, const dnnl::error& error) {
  if (error.status == dnnl_out_of_memory) fail<OutOfMemoryError>("{}: oneDNN is out of memory", what);
  fail<Error>("{}: oneDNN says \"{}\" (status {})", what, error.message, int(error.status));
}

Desc plain(const Sizes& sizes) {
  Sizes strides(sizes.size(), 1);
  for (size_t axis = sizes.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * sizes[axis];
  return {sizes, dnnl::memory::data_type::f32, strides};
}

Desc channels_last(const Sizes& sizes) {
  return {sizes, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc};
}

Desc any(const Sizes& sizes) { return {sizes, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any}; }

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::primitive_attr attributes(Activation activation) {
  dnnl::primitive_attr result = user_scratchpad();
  if (activation == Activation::relu) {
    dnnl::post_ops after;
    append_relu(after);
    result.set_post_ops(after);
  }
  return result;
}

Call::Call(const dnnl::primitive& primitive, std::initializer_list<Argument> arguments)
    : primitive_(primitive) {
  for (const Argument& argument : arguments) {
    if (argument.data == nullptr) continue;
    const auto i = size_t(count_++);
    memories_[i] = dnnl::memory(argument.desc, engine(), const_cast<void*>(argument.data));
    list_[i] = {argument.name, memories_[i].get()};
  }
}

void Call::operator()() const {
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream().get(), count_, list_.data()),
                          "could not execute a primitive");
  stream().wait();
}

Operand::Operand(const Desc& plain, const Desc& inner, Way way) : plain_(plain), inner_(inner) {
  if (plain == inner) return;
  const Desc& from = way == Way::in ? plain : inner;
  const Desc& to = way == Way::in ? inner : plain;
  reorder_.emplace(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
}

const void* Operand::load(const void* data, void* buffer) const {
  if (is_plain()) return data;
  execute(*reorder_, {{DNNL_ARG_FROM, plain_, data}, {DNNL_ARG_TO, inner_, buffer}});
  return buffer;
}

void Operand::store(const void* buffer, void* data) const {
  if (is_plain()) return;
  execute(*reorder_, {{DNNL_ARG_FROM, inner_, buffer}, {DNNL_ARG_TO, plain_, data}});
}

}  // namespace dlengine::onednn
