// Choices between speed and the last bits of a result.
#pragma once

namespace dlengine {

/// Whether the CPU computes 3x3 convolutions of 16 channels or more by Winograd's F(4x4, 3x3): about four
/// times fewer multiplications, and a rounding error about five times larger (docs/numerics.md). At first on,
/// unless DLENGINE_WINOGRAD=0.
bool winograd_enabled();
void set_winograd_enabled(bool on);

}  // namespace dlengine
