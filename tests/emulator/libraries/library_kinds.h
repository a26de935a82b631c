// Kinds of the reports on calls of cuBLASLt and cuDNN, beside those of the CUDA runtime.
#pragma once

#include <string_view>

#include "tests/emulator/runtime/cudart.h"

namespace dlengine::emulator::kind {

inline constexpr std::string_view kUnsetDescriptor = "unset descriptor";
inline constexpr std::string_view kWrongShape = "wrong shape";
inline constexpr std::string_view kLeadingDimension = "leading dimension";
inline constexpr std::string_view kMisalignedOperand = "misaligned operand";
inline constexpr std::string_view kSmallWorkspace = "small workspace";
inline constexpr std::string_view kOverlap = "overlapping operands";
inline constexpr std::string_view kOtherProblem = "algorithm of another problem";
inline constexpr std::string_view kUnpaired = "unpaired arguments";
/// As the real library.
inline constexpr std::string_view kNotSupported = "not supported";

}  // namespace dlengine::emulator::kind
