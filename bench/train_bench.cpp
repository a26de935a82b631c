// Times whole training steps: train_bench [--device NAME] [WORKLOAD BATCH THREADS [SECONDS]]; see workloads.h
// and docs/benchmarks.md. Without --device on the CPU. STEPS=n runs exactly n steps untimed,
// for profilers that count instructions.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "bench/program.h"
#include "bench/timing.h"
#include "bench/workloads.h"
#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/random.h"
#include "dlengine/core/stream.h"
#include "dlengine/optim/optim.h"
#include "dlengine/train/captured_step.h"
#include "dlengine/train/predictor.h"

namespace dlengine::bench {

namespace {

struct Arguments {
  std::string workload;
  int64_t batch = 0;
  double seconds = 2;
};

constexpr int kBatches = 4;  // drawn once and used in turn

/// Times the step and prints the line, with what `extra` says after the last step.
void measure(
    const Arguments& arguments, Device device, const std::function<void(int64_t)>& step,
    const std::function<std::string()>& extra = [] { return std::string(); }) {
  if (const char* count = std::getenv("STEPS")) {
    for (int64_t i = 0; i < std::atoll(count); ++i) step(i);
    synchronize(device);
    return;
  }
  const Timing timing = time_steps(arguments.seconds, device, step);
  print_line(arguments.workload, arguments.batch, timing, extra() + "device=" + to_string(device));
}

/// Multiplications and additions of the forward passes while it lives.
class FlopCounter final : public ForwardObserver {
 public:
  void called(Module& module, const Shape& input, const Shape& output) override {
    const int64_t flops = module.flops(input, output);
    if (forward_ == 0) first_ = flops;
    forward_ += flops;
  }
  double forward() const { return static_cast<double>(forward_); }
  /// With the backward pass, where every layer has two such products; the first one needs no gradient of x.
  double training() const { return 3 * forward() - static_cast<double>(first_); }

 private:
  int64_t forward_ = 0, first_ = 0;
};

void train(const Arguments& arguments, Device device) {
  Workload workload = make_workload(arguments.workload, arguments.batch);
  workload.model.to(device);
  workload.optimizer->attach(workload.model.parameters());
  std::vector<Tensor> x, y;
  for (int i = 0; i < kBatches; ++i) {
    x.push_back(randn(workload.input, 0, 1, DType::f32, device));
    y.push_back(rand({arguments.batch}, 0, 10).to(DType::i64).to(device));
  }
  CapturedStep captured(device, [&](const std::vector<Tensor>& in) {
    workload.optimizer->zero_grad();
    const Tensor loss = cross_entropy(workload.model(in[0]), in[1]);
    loss.backward();
    workload.optimizer->step();
    return std::vector{loss};
  });
  Tensor first_loss, last_loss;
  double gflop = 0;  // of a step
  const auto step = [&](int64_t i) {
    const auto batch = static_cast<size_t>(i % kBatches);
    if (i > 0) {
      last_loss = captured({x[batch], y[batch]})[0];
      return;
    }
    const FlopCounter counter;
    first_loss = captured({x[batch], y[batch]})[0];
    gflop = 1e-9 * counter.training();
  };
  measure(arguments, device, step, [&] {
    return fmt::format("loss={:.3f}->{:.3f} gflop={:.4g} ", first_loss.item<float>(), last_loss.item<float>(),
                       gflop);
  });
}

void infer(const Arguments& arguments, Device device) {
  Workload workload = make_workload("W5", arguments.batch);
  Predictor predict(workload.model, device);
  const Tensor x = randn(workload.input, 0, 1, DType::f32, device);
  double gflop = 0;  // of a call
  const auto step = [&](int64_t i) {
    if (i > 0) {
      predict(x);
      return;
    }
    const FlopCounter counter;
    predict(x);
    gflop = 1e-9 * counter.forward();
  };
  measure(arguments, device, step, [&] { return fmt::format("gflop={:.4g} ", gflop); });
}

/// One Adam update of 25 million parameters; the batch column holds their count.
void update(Arguments arguments, Device device) {
  constexpr int64_t kParameters = 25'000'000;
  Tensor parameter = randn({kParameters}, 0, 1, DType::f32, device).set_requires_grad();
  Adam optimizer({parameter}, {.lr = 1e-3});
  parameter.backward(zeros({1}, DType::f32, device).expand({kParameters}));
  Tensor gradient = parameter.grad();  // drawn where it lies, as a second one would count as memory
  backend_for(device).normal(gradient, 0, 1, default_generator().next_key());
  arguments.batch = kParameters;
  measure(arguments, device, [&](int64_t) { optimizer.step(); });
}

void run_workload(const Arguments& arguments, Device device) {
  if (arguments.workload == "W6") {
    update(arguments, device);
  } else if (arguments.workload == "W5") {
    infer(arguments, device);
  } else {
    train(arguments, device);
  }
}

const Arguments kAll[] = {{"W0", 1},  {"W1", 128}, {"W2", 64},  {"W3", 64},
                          {"W4", 64}, {"W5", 1},   {"W5", 256}, {"W6"}};

int run(std::vector<std::string> words) {
  const std::string name = take_device_name(words, "cpu");
  if (!words.empty() && (words.size() < 3 || words.size() > 4)) {
    fmt::print(stderr,
               "usage: train_bench [--device NAME] [WORKLOAD BATCH THREADS [SECONDS]]\n"
               "without a workload: every one\n");
    return 2;
  }
  const Device device = Device::parse(name);
  manual_seed(1);
  if (words.empty()) {
    for (const Arguments& arguments : kAll) run_workload(arguments, device);
    return 0;
  }
  set_num_threads(static_cast<int>(count_of(words[2], "number of threads")));
  run_workload({words[0], count_of(words[1], "batch size"), words.size() > 3 ? seconds_of(words[3]) : 2.0},
               device);
  return 0;
}

}  // namespace

}  // namespace dlengine::bench

int main(int argc, char** argv) {
  return dlengine::bench::run_program("train_bench", argc, argv, dlengine::bench::run);
}
