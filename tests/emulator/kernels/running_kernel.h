// Words for reports on the kernel that runs.
#pragma once

#include <cstdint>
#include <string>

#include "tests/emulator/kernels/kernel_thread.h"

namespace dlengine::emulator {

/// "thread 3 of block (1, 2, 0) of relu_kernel"
std::string describe_thread(const KernelThread& thread);
/// The same for a thread of the block that ran at that moment.
std::string describe_thread_at(Moment moment, uint32_t thread);
/// "__syncthreads (reduce.cuh:44)"
std::string describe_site(const Site& site);

}  // namespace dlengine::emulator
