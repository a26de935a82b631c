// What g++ -fsanitize=thread and -fsanitize=alignment call before loads and stores. Their libraries are not
// linked: these functions stand in for them and ask the emulated device.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

#include "tests/emulator/kernels/kernel_api.h"
#include "tests/emulator/kernels/running_kernel.h"
#include "tests/emulator/memory/accesses.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

void check_atomic(const void* address, size_t bytes, const void* place) {
  check_access(address, bytes, AccessKind::atomic, place);
}

namespace {

// As libubsan has it.
struct TypeMismatch {
  struct {
    const char* file;
    uint32_t line, column;
  } location;
  const void* type;
  unsigned char log_alignment;
  unsigned char check_kind;
};

void refuse_misaligned(const TypeMismatch& mismatch, const void* address, const void* place) {
  report(kind::kMisaligned,
         fmt::format("{} is not at a multiple of {}: {} at {}", describe_address(address),
                     1 << mismatch.log_alignment, describe_thread(*running_thread), place_of(place)));
  abandon_kernel();
}

}  // namespace
}  // namespace dlengine::emulator

// The compiler wants these names. NOLINTBEGIN(bugprone-reserved-identifier)

using dlengine::emulator::AccessKind;
using dlengine::emulator::check_access;

#define DLENGINE_HOOKS(bytes)                                                     \
  extern "C" void __tsan_read##bytes(void* address) {                             \
    check_access(address, bytes, AccessKind::read, __builtin_return_address(0));  \
  }                                                                               \
  extern "C" void __tsan_write##bytes(void* address) {                            \
    check_access(address, bytes, AccessKind::write, __builtin_return_address(0)); \
  }
DLENGINE_HOOKS(1)
DLENGINE_HOOKS(2)
DLENGINE_HOOKS(4)
DLENGINE_HOOKS(8)
DLENGINE_HOOKS(16)
#undef DLENGINE_HOOKS

extern "C" void __tsan_read_range(void* address, size_t bytes) {
  check_access(address, bytes, AccessKind::read, __builtin_return_address(0));
}
extern "C" void __tsan_write_range(void* address, size_t bytes) {
  check_access(address, bytes, AccessKind::write, __builtin_return_address(0));
}

extern "C" void __tsan_init() {}

// By the host's part of files with kernels.
extern "C" void __tsan_vptr_update(void**, void*) {}
extern "C" int __tsan_atomic32_fetch_add(volatile int* address, int value, int) {
  return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST);
}

extern "C" void __ubsan_handle_type_mismatch_v1(void* mismatch, void* address) {
  using dlengine::emulator::running_thread;
  if (!running_thread) return;  // the host may do what x86-64 allows
  dlengine::emulator::refuse_misaligned(*static_cast<dlengine::emulator::TypeMismatch*>(mismatch), address,
                                        __builtin_return_address(0));
}

// NOLINTEND(bugprone-reserved-identifier)
