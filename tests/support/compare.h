// How close is close enough, and how to say what went wrong.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/error.h"
#include "tests/support/ndarray.h"

namespace dlengine::test {

/// Distance from 1 to the next number of the type: 2^-10 for f16, 2^-7 for bf16, 2^-23, 2^-52; 0 for
/// integers.
double eps(DType dtype);
/// eps of the type in which sums run: f32 for the 16-bit floats.
double accumulate_eps(DType dtype);

/// Where rounding errors come from in one element of a result.
struct ErrorBudget {
  double terms = 1;      // summed, each rounded in the accumulation type
  double roundings = 0;  // intermediate values stored in the element type
  double magnitude = 1;  // of one term
};

struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

/// relative = eps(dtype) + 4 eps(accumulation): the result is rounded once, from a function good to a few
/// last places. absolute = magnitude * (2 terms eps(accumulation) + roundings eps(dtype)).
///
/// Why linear in the terms: n terms of either sign and size m walk to partial sums of size m sqrt(k); each is
/// rounded by m sqrt(k) eps / 2, and n such errors add up to about m n eps / 3 in the mean square. A factor 2
/// on it is 6 deviations; sums in blocks, as kernels do, stay far below.
Tolerance tolerance(DType dtype, const ErrorBudget& budget = {});

/// Fails at the worst element, with its position and both values. NaN matches NaN, infinity itself.
void expect_close(const NdArray& got, const NdArray& want, const Tolerance& tolerance);
void expect_close(const Tensor& got, const NdArray& want, const Tolerance& tolerance);
/// Every element the same; for copies, integers and exact arithmetic.
void expect_same(const Tensor& got, const NdArray& want);
void expect_same(const Tensor& got, const std::vector<double>& want);

/// Fails unless f() throws exactly E, with all of the parts in its message.
template <typename E, typename F>
void expect_throw(F&& f, std::initializer_list<std::string_view> parts) {
  try {
    f();
  } catch (const E& error) {
    const std::string message = error.what();
    for (const std::string_view part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << "message: " << message << "\nhas no: " << part;
    }
    return;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "an exception of another type: " << error.what();
    return;
  }
  ADD_FAILURE() << "no exception";
}

}  // namespace dlengine::test
