// The two devices that the contract is held against: a GPU with NVIDIA's libraries, or the emulated one.
#pragma once

#include <string>

namespace dlengine::contract {

/// Empty if there is a device to test.
std::string why_no_device();

/// Whether it may have no algorithm for a rare problem.
bool may_decline();
/// The wrong calls so far have been reported, where the device reports.
void expect_reports();
/// Nothing was reported and no error is left behind.
void expect_silence();

}  // namespace dlengine::contract
