// The arithmetic of cuDNN's batch norm for the emulated device, in double.
#include "tests/emulator/libraries/cudnn_norm.h"

#include <cmath>
#include <string>
#include <vector>

#include "tests/emulator/memory/memory.h"

namespace dlengine::emulator {

namespace {

// The operation's access of an array.
bool touches(const Norm& norm, const NormArray& array, Access access) {
  return touch(array.data, size_t(norm.count(array)) * size_of(norm.element(array)), access,
               std::string(array.name) + " of cuDNN's batch norm");
}

std::vector<double> read(const Norm& norm, const NormArray& array) {
  std::vector<double> values(size_t(norm.count(array)));
  load(norm.element(array), array.data, norm.count(array), values.data());
  return values;
}

void write(const Norm& norm, const NormArray& array, const std::vector<double>& values) {
  store(norm.element(array), values.data(), norm.count(array), Blend{}, const_cast<void*>(array.data));
}

// Calls f(channel, place) for every element of x.
template <typename F>
void for_each(const Norm& norm, F&& f) {
  size_t place = 0;
  for (int64_t n = 0; n < norm.x.n; ++n) {
    for (int64_t c = 0; c < norm.x.c; ++c) {
      for (int64_t pixel = 0; pixel < norm.pixels(); ++pixel) f(size_t(c), place++);
    }
  }
}

// y = scale (x - mean) inv_std + bias.
std::vector<double> normalised(const Norm& norm, const std::vector<double>& x,
                               const std::vector<double>& mean, const std::vector<double>& inv_std) {
  std::vector<double> y(x.size());
  for_each(norm, [&](size_t c, size_t i) { y[i] = (x[i] - mean[c]) * inv_std[c]; });
  return y;
}

void scale_and_shift(const Norm& norm, const std::vector<double>& scale, const std::vector<double>& bias,
                     std::vector<double>& y) {
  for_each(norm, [&](size_t c, size_t i) { y[i] = y[i] * scale[c] + bias[c]; });
}

struct Moments {
  std::vector<double> mean, variance;  // the biased one
};

Moments moments_of(const Norm& norm, const std::vector<double>& x) {
  const double samples = norm.samples();
  Moments m{std::vector<double>(size_t(norm.x.c)), std::vector<double>(size_t(norm.x.c))};
  for_each(norm, [&](size_t c, size_t i) { m.mean[c] += x[i] / samples; });
  for_each(norm, [&](size_t c, size_t i) {
    const double distance = x[i] - m.mean[c];
    m.variance[c] += distance * distance / samples;
  });
  return m;
}

std::vector<double> inverse_deviation(std::vector<double> variance, double epsilon) {
  for (double& value : variance) value = 1 / std::sqrt(value + epsilon);
  return variance;
}

void keep_running(const Norm& norm, const NormArray& running, const std::vector<double>& now,
                  double correction) {
  if (!touches(norm, running, Access::read) || !touches(norm, running, Access::write)) return;
  std::vector<double> values = read(norm, running);
  for (size_t c = 0; c < values.size(); ++c)
    values[c] = values[c] * (1 - norm.momentum) + now[c] * correction * norm.momentum;
  write(norm, running, values);
}

}  // namespace

void run(const NormTraining& t) {
  for (const NormArray& array : {t.x, t.scale, t.bias}) {
    if (!touches(t.norm, array, Access::read)) return;
  }
  for (const NormArray& array : {t.y, t.saved_mean, t.saved_inv_std}) {
    if (array.data && !touches(t.norm, array, Access::write)) return;
  }
  const std::vector<double> x = read(t.norm, t.x);
  const Moments moments = moments_of(t.norm, x);
  const std::vector<double> inv_std = inverse_deviation(moments.variance, t.norm.epsilon);
  std::vector<double> y = normalised(t.norm, x, moments.mean, inv_std);
  scale_and_shift(t.norm, read(t.norm, t.scale), read(t.norm, t.bias), y);
  write(t.norm, t.y, y);
  if (t.saved_mean.data) {
    write(t.norm, t.saved_mean, moments.mean);
    write(t.norm, t.saved_inv_std, inv_std);
  }
  if (t.running_mean.data) {
    const double samples = t.norm.samples();
    keep_running(t.norm, t.running_mean, moments.mean, 1);
    keep_running(t.norm, t.running_variance, moments.variance, samples > 1 ? samples / (samples - 1) : 1);
  }
}

void run(const NormInference& t) {
  for (const NormArray& array : {t.x, t.scale, t.bias, t.mean, t.variance}) {
    if (!touches(t.norm, array, Access::read)) return;
  }
  if (!touches(t.norm, t.y, Access::write)) return;
  const std::vector<double> inv_std = inverse_deviation(read(t.norm, t.variance), t.norm.epsilon);
  std::vector<double> y = normalised(t.norm, read(t.norm, t.x), read(t.norm, t.mean), inv_std);
  scale_and_shift(t.norm, read(t.norm, t.scale), read(t.norm, t.bias), y);
  write(t.norm, t.y, y);
}

void run(const NormBackward& t) {
  for (const NormArray& array : {t.x, t.dy, t.scale, t.saved_mean, t.saved_inv_std}) {
    if (array.data && !touches(t.norm, array, Access::read)) return;
  }
  for (const NormArray& array : {t.dx, t.dscale, t.dbias}) {
    if (!touches(t.norm, array, Access::write)) return;
  }
  const std::vector<double> x = read(t.norm, t.x), dy = read(t.norm, t.dy), scale = read(t.norm, t.scale);
  Moments moments;
  if (!t.saved_mean.data) moments = moments_of(t.norm, x);
  const std::vector<double> mean = t.saved_mean.data ? read(t.norm, t.saved_mean) : moments.mean;
  const std::vector<double> inv_std =
      t.saved_mean.data ? read(t.norm, t.saved_inv_std) : inverse_deviation(moments.variance, t.norm.epsilon);
  const std::vector<double> unit = normalised(t.norm, x, mean, inv_std);
  std::vector<double> dscale(size_t(t.norm.x.c)), dbias(size_t(t.norm.x.c)), dx(x.size());
  for_each(t.norm, [&](size_t c, size_t i) {
    dscale[c] += dy[i] * unit[i];
    dbias[c] += dy[i];
  });
  const double samples = t.norm.samples();
  for_each(t.norm, [&](size_t c, size_t i) {
    dx[i] = scale[c] * inv_std[c] * (dy[i] - dbias[c] / samples - unit[i] * dscale[c] / samples);
  });
  write(t.norm, t.dx, dx);
  write(t.norm, t.dscale, dscale);
  write(t.norm, t.dbias, dbias);
}

}  // namespace dlengine::emulator
