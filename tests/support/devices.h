// Where and in which types the tests run.
#pragma once

#include <vector>

#include "dlengine/core/device.h"
#include "dlengine/core/dtype.h"

namespace dlengine::emulator {
class Control;  // tests/emulator/control.h
}

namespace dlengine::test {

/// The CPU and every other device kind that is there. DLENGINE_TEST_DEVICES=cpu,cuda restricts the list; with
/// DLENGINE_REQUIRE_CUDA=1 a missing CUDA device is an error instead of a shorter list.
const std::vector<Device>& devices();

/// The emulated device, once a test has used it; null where the tests run on others.
emulator::Control* emulated_device();

/// The devices other than the CPU.
std::vector<Device> accelerators();

/// f16, bf16, f32, f64.
const std::vector<DType>& floating_types();
/// u8, i32, i64.
const std::vector<DType>& integer_types();
/// All of them, bool included.
const std::vector<DType>& all_types();

}  // namespace dlengine::test
