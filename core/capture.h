// Recording a step: what a device is given while a Capture lives is kept, and can then be replayed.
//
// A recorded step works on fixed memory. Numbers that change from step to step and that the host knows (a
// learning rate, a count, where a generator stands) are therefore read from device memory, "words", which
// move on by themselves from replay to replay and are sent again only where the host's numbers took another
// way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/allocator.h"
#include "dlengine/core/tensor.h"
#include "dlengine/core/watch.h"

namespace dlengine {

class StepMemory;

/// The device work of a recorded step, kept by its backend.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Queues the work once more.
  virtual void replay() = 0;
  /// Before replay(), where the step's constants have changed: does what depends on them alone.
  virtual void prepare() {}
  /// Kernels (nodes of a CUDA graph) of one replay.
  virtual int64_t size() const = 0;
};

/// Two numbers of 64 bits that an owner keeps in device memory for recorded steps.
using Words = std::array<uint64_t, 2>;

/// An owner's words in a recording. device is null in a rehearsal: go on with host values.
struct LiveWords {
  const uint64_t* device = nullptr;
  Words start{};  // what device memory will hold at the beginning of this step
};

/// A step of a device: rehearsed once, so that all plans and memory are there, then recorded, then replayed.
/// Memory of tensors made in it stays with it. All else that the step reads and writes (parameters, optimizer
/// state) must outlive it and stay in place.
class RecordedStep {
 public:
  explicit RecordedStep(Device device);
  ~RecordedStep();
  RecordedStep(const RecordedStep&) = delete;
  RecordedStep& operator=(const RecordedStep&) = delete;

  /// Before rehearse(): names tensors that seldom change, such as weights in inference. What depends on them
  /// alone, as the form in which a kernel reads them, is then not computed by every replay, but only by those
  /// before which a constant was written to in place.
  void rely_on(std::vector<Tensor> constants) { constants_ = Watch(std::move(constants)); }
  /// True if a constant shows other memory than it did then: the recording is of no more use.
  bool constants_moved() const { return constants_.moved(); }

  /// True if something that the rehearsal or a recording relies on holds no longer: start with a new one.
  bool outdated() const;

  /// Runs step() as usual. False if it does what cannot be recorded; reason() then says what.
  bool rehearse(const std::function<void()>& step);
  /// Runs step() `times` times and keeps that as one recording, beside those of other numbers of times.
  /// Throws what step() throws; then nothing was kept.
  void record(const std::function<void()>& step, int times = 1);
  bool recorded(int times = 1) const { return find(times) != nullptr; }
  /// Does again what was recorded for that number of times.
  void replay(int times = 1);

  const std::string& reason() const { return reason_; }
  /// Kernels of one replay; 0 if there is none.
  int64_t size(int times = 1) const;

 private:
  friend class Capture;
  /// What was recorded for one number of times.
  struct Kept {
    int times;
    std::vector<std::function<void()>> at_replay;
    std::vector<std::function<bool()>> conditions;
    std::unique_ptr<Recording> recording;
  };
  struct Entry {
    const void* owner;
    std::function<Words()> now;  // the owner's current words
    Words expected;              // what device memory holds when all queued work is done
    Words change;                // in one step
  };
  /// A leaf whose gradient the step adds to, or forgets.
  struct Gradient {
    std::weak_ptr<Tensor::Impl> leaf;
    bool added = false;            // to, in the rehearsal
    bool begins_with_one = false;  // before the recording
    bool touched = false;          // in the recording,
    bool added_first = false;      // and first by an addition, so that it matters with what it begins
  };

  const Kept* find(int times) const;
  void make_words();
  void send_words();
  void advance_words();
  void count_step();
  Gradient& gradient_of(const Tensor& leaf);
  void keep_gradients();
  void note_gradients();
  void follow_gradients();

  Device device_;
  std::shared_ptr<StepMemory> memory_;
  std::vector<Entry> entries_;
  Tensor words_, changes_;  // i64 [entries, 2]
  Watch constants_;
  std::vector<Tensor> prepared_;                   // from constants alone; all recordings share it
  std::vector<std::shared_ptr<Storage>> written_;  // in place
  std::vector<Gradient> gradients_;
  std::vector<std::function<void()>> at_replay_;   // of the recording that is being made
  std::vector<std::function<bool()>> conditions_;  // of the same; before it, of the rehearsal
  std::vector<Kept> kept_;
  std::string reason_;
};

/// How the parts of a step (generators, optimizers, storage) know that it is rehearsed or recorded: there is
/// one on the thread.
class Capture {
 public:
  /// Null where no step is rehearsed or recorded.
  static Capture* current();
  /// Tells the rehearsal of this thread, if there is one, that the step cannot be replayed, as it `does`.
  static void refuse(const char* does);

  Device device() const { return step_.device_; }
  /// Where the step's tensors live; shared, as a tensor may outlive the step.
  std::shared_ptr<Allocator> memory() const;
  Allocator& allocator() const;
  /// The owner's words; now() gives their current values for as long as the recorded step lives. What it
  /// allocates is not the step's.
  LiveWords words(const void* owner, std::function<Words()> now);
  /// f() is called after every replay: what the host counts along with the device.
  void at_replay(std::function<void()> f);
  /// What is rehearsed or recorded is right while holds() is true; see RecordedStep::outdated().
  void valid_while(std::function<bool()> holds);
  /// The step writes to this storage in place; its version follows in replays.
  void writes(const std::shared_ptr<Storage>& storage);
  /// The step is about to add to the gradient of this leaf, or forgets it. Replays leave a leaf with the
  /// gradient, or with none, that the recording left it with. A recording that goes on from what was there is
  /// valid while there is one again, or none again. Gradients of recorded steps have memory that stays with
  /// the leaf, as an optimizer gives it; leaves that have none get some after the rehearsal. Leaves that are
  /// made in the step are its own affair.
  void adds_gradient(const Tensor& leaf);
  void forgets_gradient(const Tensor& leaf);

  /// True if the address lies in a constant of the step that this thread captures.
  static bool is_constant(const void* address);
  /// A tensor that stays with the step, to be filled from its constants alone; it is a constant in turn.
  Tensor prepared(const Shape& shape, DType dtype);

 private:
  friend class RecordedStep;
  enum class Phase : uint8_t { rehearsal, recording };
  Capture(RecordedStep& step, Phase phase);
  ~Capture();
  Words outside(const std::function<Words()>& now);
  /// True for tensors that were made in the step.
  bool made(const Tensor& x) const;
  void touch(const Tensor& leaf, bool adds);

  RecordedStep& step_;
  Phase phase_;
  size_t prepared_ = 0;  // tensors that this step of the recording has asked for
};

/// Raises the storage's version, as x is written to in place: now, and in each replay of a captured step.
void written_in_place(const Tensor& x);

/// Where new memory of the device comes from on this thread: from the step that is captured, or the device.
Allocator& current_allocator(Device device);

}  // namespace dlengine
