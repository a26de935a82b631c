// Times training steps on data that lie on the device, from the gathering of the batch to the update:
// gpu_train [--device NAME] WORKLOAD BATCH [SECONDS [MODE]], for W1 (MLP) and W2 (CNN) of workloads.h. Modes:
//   eager    host code for every step
//   graph1   recorded once, one launch for each step
//   graph16  sixteen steps in one launch
// Without a mode: every one. Without --device on cuda.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "bench/program.h"
#include "bench/timing.h"
#include "bench/workloads.h"
#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/data/device_batches.h"
#include "dlengine/layers/loss.h"
#include "dlengine/train/captured_step.h"

namespace dlengine::bench {

namespace {

struct Mode {
  const char* name;
  bool recorded;
  int at_once;  // steps in a launch
};
constexpr Mode kModes[] = {{"eager", false, 1}, {"graph1", true, 1}, {"graph16", true, 16}};
constexpr int64_t kSamples = 60'000;  // as many as MNIST has

/// Random bytes in the shape of the workload's images, with labels.
Samples made_up_data(const Shape& input) {
  Shape shape = input;
  shape[0] = kSamples;
  return {rand(shape, 0, 256).to(DType::u8), rand({kSamples}, 0, 10).to(DType::i64)};
}

/// A training whose next steps can be asked for, epoch after epoch. The order is the same in all: it lies on
/// the device, while the host would draw a new one for longer than the GPU takes for an epoch.
class Training {
 public:
  Training(const std::string& name, int64_t batch, Device device)
      : workload_(make_workload(name, batch)),
        batches_(made_up_data(workload_.input), {.batch_size = batch, .shuffle = false, .drop_last = true},
                 device),
        totals_(zeros({5}, DType::f64, device)),
        recorded_(device, [this](const auto&) {
          step();
          return std::vector<Tensor>();
        }) {
    workload_.model.to(device);
    workload_.optimizer->attach(workload_.model.parameters());
  }

  /// The next steps, as many as the mode does in a launch.
  void advance(const Mode& mode) {
    if (batches_.next_count() < mode.at_once) batches_.start_epoch(++epoch_);
    if (!mode.recorded) return step();
    recorded_.repeat(mode.at_once, mode.at_once);
  }

  int64_t kernels() const { return recorded_.kernels(); }

 private:
  void step() {
    const Samples batch = batches_.take();
    workload_.optimizer->zero_grad();
    loss_.counted(workload_.model(batch.x), batch.y, totals_).backward();
    workload_.optimizer->step();
  }

  Workload workload_;
  DeviceBatches batches_;
  int64_t epoch_ = 0;
  CrossEntropyLoss loss_;
  Tensor totals_;  // as a trainer's log has them
  CapturedStep recorded_;
};

void measure(const std::string& name, int64_t batch, const Mode& mode, double seconds, Device device) {
  manual_seed(1);
  Training training(name, batch, device);
  Timing timing = time_steps(seconds, device, [&](int64_t) { training.advance(mode); });
  timing.median_ms /= mode.at_once;
  timing.min_ms /= mode.at_once;
  timing.p99_ms /= mode.at_once;
  timing.block *= mode.at_once;
  print_line(name, batch, timing, fmt::format("kernels={} device={}", training.kernels(), to_string(device)),
             fmt::format("dlengine_{}", mode.name));
}

int run(std::vector<std::string> words) {
  const std::string name = take_device_name(words, "cuda");
  if (words.size() < 2 || words.size() > 4 || (words[0] != "W1" && words[0] != "W2")) {
    fmt::print(stderr, "usage: gpu_train [--device NAME] W1|W2 BATCH [SECONDS [eager|graph1|graph16]]\n");
    return 2;
  }
  const Device device = Device::parse(name);
  const double seconds = words.size() > 2 ? seconds_of(words[2]) : 2.0;
  bool known = false;
  for (const Mode& mode : kModes) {
    if (words.size() > 3 && words[3] != mode.name) continue;
    known = true;
    measure(words[0], count_of(words[1], "batch size"), mode, seconds, device);
  }
  if (!known) throw ValueError("mode \"" + words[3] + "\" is not one of eager, graph1, graph16");
  return 0;
}

}  // namespace

}  // namespace dlengine::bench

int main(int argc, char** argv) {
  return dlengine::bench::run_program("gpu_train", argc, argv, dlengine::bench::run);
}
