// Batch norm as cuDNN is asked for it, in the spatial mode.
#pragma once

#include <cstdint>

#include "tests/emulator/libraries/cudnn_descriptors.h"

namespace dlengine::emulator {

/// One array that an operation reads or writes. Values per channel are f64 for f64, else f32.
struct NormArray {
  const char* name;
  const void* data;
  bool per_channel = false;
};

struct Norm {
  Packed4d x;
  double epsilon = 0;
  double momentum = 0;

  Element parameters() const { return x.element() == Element::f64 ? Element::f64 : Element::f32; }
  int64_t pixels() const { return x.h * x.w; }
  double samples() const { return double(x.n * pixels()); }
  Element element(const NormArray& array) const { return array.per_channel ? parameters() : x.element(); }
  int64_t count(const NormArray& array) const { return array.per_channel ? x.c : x.count(); }
};

/// Both saved arrays may be null, and both running ones.
struct NormTraining {
  Norm norm;
  NormArray x, y, scale, bias, running_mean, running_variance, saved_mean, saved_inv_std;
};
struct NormInference {
  Norm norm;
  NormArray x, y, scale, bias, mean, variance;
};
struct NormBackward {
  Norm norm;
  NormArray x, dy, dx, scale, dscale, dbias, saved_mean, saved_inv_std;
};

/// Run as operations: declare what they touch, then compute.
void run(const NormTraining& t);
void run(const NormInference& t);
void run(const NormBackward& t);

}  // namespace dlengine::emulator
