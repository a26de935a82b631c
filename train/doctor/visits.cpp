// A doctor's rounds beside the epochs of a training.
#include "dlengine/train/doctor/visits.h"

#include <algorithm>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/data/read_batch.h"

namespace dlengine {
namespace {

std::vector<int64_t> evenly_spread(int64_t count, int64_t size) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i) numbers.push_back(i * size / count);
  return numbers;
}

}  // namespace

DoctorVisits::DoctorVisits(Doctor* doctor, const Dataset& data, LossFunction loss, Device device)
    : doctor_(doctor), loss_(std::move(loss)) {
  if (!doctor_) return;
  told_ = doctor_->findings().size();
  const int64_t count = std::min(doctor_->options().samples, data.size());
  const Batch batch = read_batch(data, evenly_spread(count, data.size()));
  x_ = batch.x.to(device);
  y_ = batch.y.to(device);
}

void DoctorVisits::before_training() {
  if (doctor_) examine();
}

void DoctorVisits::before_steps() {
  measuring_ = doctor_ != nullptr && epochs_ % doctor_->options().every == 0;
  if (measuring_) doctor_->before_update();
}

void DoctorVisits::after_steps(int64_t steps) {
  if (std::exchange(measuring_, false)) doctor_->after_update(steps);
}

void DoctorVisits::after_epoch(const EpochRecord& record) {
  if (!doctor_) return;
  doctor_->observe(record);
  if (++epochs_ % doctor_->options().every == 0) examine();
}

void DoctorVisits::examine() {
  if (doctor_) doctor_->examine(x_, y_, loss_);
}

std::vector<std::string> DoctorVisits::news() {
  std::vector<std::string> lines;
  for (; doctor_ && told_ < doctor_->findings().size(); ++told_) {
    lines.push_back("doctor: " + to_string(doctor_->findings()[told_]));
  }
  return lines;
}

}  // namespace dlengine
