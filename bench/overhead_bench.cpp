// Small steps whose instructions bench/overhead.py counts: overhead_bench CASE COUNT calls the step COUNT
// times and prints how many kernels one call starts. Without arguments it prints the names of the cases.
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/program.h"
#include "bench/workloads.h"
#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/captured_step.h"

namespace dlengine::bench {

namespace {

using Step = std::function<void(const std::vector<Tensor>& inputs)>;

struct Call {
  Step step;
  std::vector<Tensor> inputs;
};

enum class Tape { off, forward, backward };

/// f(a, b), a function of two vectors of 8 elements, and what the tape adds.
Call small_operation(Tape tape, const std::function<Tensor(const Tensor& a, const Tensor& b)>& f) {
  Tensor a = randn({8}).set_requires_grad(tape != Tape::off);
  Tensor b = randn({8}).set_requires_grad(tape != Tape::off);
  if (tape != Tape::backward) return {[=](const auto&) { f(a, b); }, {}};
  return {[=, dy = ones({8})](const auto&) mutable {
            a.zero_grad();
            b.zero_grad();
            f(a, b).backward(dy);
          },
          {}};
}

Call relu_call(Tape tape) {
  return small_operation(tape, [](const Tensor& a, const Tensor&) { return relu(a); });
}

Call add_call(Tape tape) {
  return small_operation(tape, [](const Tensor& a, const Tensor& b) { return a + b; });
}

/// Kernels that do next to nothing, so that the cost of each is that of starting it.
Call many_kernels() {
  return {[x = randn({8})](const auto&) {
            for (int i = 0; i < 100; ++i) relu(x);
          },
          {}};
}

Call training_step() {
  const auto workload = std::make_shared<Workload>(make_workload("W0", 1));
  workload->optimizer->attach(workload->model.parameters());
  const auto step = [workload](const std::vector<Tensor>& inputs) {
    workload->optimizer->zero_grad();
    cross_entropy(workload->model(inputs[0]), inputs[1]).backward();
    workload->optimizer->step();
  };
  return {step, {randn(workload->input), zeros({1}, DType::i64)}};
}

struct Case {
  std::string name;
  std::function<Call()> make;
  bool replayed = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"relu", [] { return relu_call(Tape::off); }},
      {"relu-tape", [] { return relu_call(Tape::forward); }},
      {"relu-backward", [] { return relu_call(Tape::backward); }},
      {"add", [] { return add_call(Tape::off); }},
      {"add-tape", [] { return add_call(Tape::forward); }},
      {"add-backward", [] { return add_call(Tape::backward); }},
      {"w0", training_step},
      {"w0-replay", training_step, true},
      {"many-replay", many_kernels, true},
  };
  return all;
}

/// Every step is recorded, at the third call, as the recording knows the kernels.
void run(const Case& chosen, int64_t count) {
  Call call = chosen.make();
  CapturedStep captured(kCpu, [&](const std::vector<Tensor>& inputs) {
    call.step(inputs);
    return std::vector<Tensor>();
  });
  for (int i = 0; i < 3; ++i) captured(call.inputs);
  for (int64_t i = 0; i < count; ++i) {
    if (chosen.replayed) {
      captured(call.inputs);
    } else {
      call.step(call.inputs);
    }
  }
  fmt::print("{}\n", captured.kernels());
}

int run(std::vector<std::string> words) {  // NOLINT: as run_program() takes it
  if (words.empty()) {
    for (const Case& known : cases()) fmt::print("{}\n", known.name);
    return 0;
  }
  for (const Case& known : cases()) {
    if (words.size() != 2 || known.name != words[0]) continue;
    run(known, count_of(words[1], "count"));
    return 0;
  }
  fmt::print(stderr, "usage: overhead_bench [CASE COUNT]\n");
  return 2;
}

}  // namespace

}  // namespace dlengine::bench

int main(int argc, char** argv) {
  return dlengine::bench::run_program("overhead_bench", argc, argv, dlengine::bench::run);
}
