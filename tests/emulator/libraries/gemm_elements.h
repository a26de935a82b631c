// Elements of tensors as the library stand-ins read and write them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dlengine::emulator {

enum class Element { f16, bf16, f32, f64 };

size_t size_of(Element element);

/// Reads `count` elements; f64 only as double.
void load(Element element, const void* from, int64_t count, float* to);
void load(Element element, const void* from, int64_t count, double* to);

/// to[i] = alpha values[i] + beta to[i], rounded once; `to` is not read if beta is 0. f64 only from double.
struct Blend {
  double alpha = 1, beta = 0;
};
void store(Element element, const float* values, int64_t count, const Blend& blend, void* to);
void store(Element element, const double* values, int64_t count, const Blend& blend, void* to);

/// Keeps 10 bits after the point, as the tensor cores' TF32 does.
void round_to_tf32(int64_t count, float* values);

}  // namespace dlengine::emulator
