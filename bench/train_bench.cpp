// Times whole training steps: train_bench [WORKLOAD BATCH THREADS [SECONDS]]; see workloads.h and
// docs/benchmarks.md. DLENGINE_DEVICE chooses the device. STEPS=n runs exactly n steps untimed, for profilers
// that count instructions.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "bench/timing.h"
#include "bench/workloads.h"
#include "dlengine/core/autograd.h"
#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/stream.h"
#include "dlengine/optim/optim.h"

namespace dlengine::bench {

namespace {

struct Arguments {
  std::string workload;
  int64_t batch = 0;
  double seconds = 2;
};

constexpr int kBatches = 4;  // drawn once and used in turn

void measure(const Arguments& arguments, const std::function<void(int64_t)>& step,
             const std::string& extra = "") {
  if (const char* count = std::getenv("STEPS")) {
    for (int64_t i = 0; i < std::atoll(count); ++i) step(i);
    return;
  }
  print_line(arguments.workload, arguments.batch, time_steps(arguments.seconds, step), extra);
}

void train(const Arguments& arguments, Device device) {
  Workload workload = make_workload(arguments.workload, arguments.batch);
  workload.model.to(device);
  workload.optimizer->attach(workload.model.parameters());
  std::vector<Tensor> x, y;
  for (int i = 0; i < kBatches; ++i) {
    x.push_back(randn(workload.input, 0, 1, DType::f32, device));
    y.push_back(rand({arguments.batch}, 0, 10).to(DType::i64).to(device));
  }
  measure(arguments, [&](int64_t i) {
    workload.optimizer->zero_grad();
    cross_entropy(workload.model(x[static_cast<size_t>(i % kBatches)]), y[static_cast<size_t>(i % kBatches)])
        .backward();
    workload.optimizer->step();
    synchronize(device);
  });
}

void infer(const Arguments& arguments, Device device) {
  Workload workload = make_workload("W5", arguments.batch);
  workload.model.to(device);
  workload.model.eval();
  const Tensor x = randn(workload.input, 0, 1, DType::f32, device);
  const NoGrad no_grad;
  measure(arguments, [&](int64_t) {
    log_softmax(workload.model(x));
    synchronize(device);
  });
}

/// One Adam update of 25 million parameters; the batch column holds their count.
void update(Arguments arguments, Device device) {
  constexpr int64_t kParameters = 25'000'000;
  Tensor parameter = randn({kParameters}, 0, 1, DType::f32, device).set_requires_grad();
  Adam optimizer({parameter}, {.lr = 1e-3});
  parameter.backward(randn({kParameters}, 0, 1, DType::f32, device));
  arguments.batch = kParameters;
  measure(arguments, [&](int64_t) {
    optimizer.step();
    synchronize(device);
  });
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

int run(int argc, char** argv) {
  if (argc != 1 && argc < 4) {
    fmt::print(stderr, "usage: {} [WORKLOAD BATCH THREADS [SECONDS]]; without arguments: every workload\n",
               argv[0]);
    return 2;
  }
  manual_seed(1);
  const Device device = Device::best();
  if (argc == 1) {
    for (const Arguments& arguments : kAll) run_workload(arguments, device);
    return 0;
  }
  set_num_threads(std::stoi(argv[3]));
  run_workload({argv[1], std::stoll(argv[2]), argc > 4 ? std::stod(argv[4]) : 2.0}, device);
  return 0;
}

}  // namespace

}  // namespace dlengine::bench

int main(int argc, char** argv) {
  try {
    return dlengine::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "train_bench: {}\n", error.what());
    return 1;
  }
}
