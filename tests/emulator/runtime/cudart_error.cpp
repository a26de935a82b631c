// The emulated CUDA runtime: statuses, their names, and how they are remembered.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"

namespace dlengine::emulator {

namespace {

struct Status {
  cudaError_t value;
  const char* name;
  const char* text;
  bool breaks_context = false;
};

#define DLENGINE_STATUS(status, ...) \
  Status { status, #status, __VA_ARGS__ }
constexpr Status kStatuses[] = {
    DLENGINE_STATUS(cudaSuccess, "no error"),
    DLENGINE_STATUS(cudaErrorInvalidValue, "invalid argument"),
    DLENGINE_STATUS(cudaErrorMemoryAllocation, "out of memory"),
    DLENGINE_STATUS(cudaErrorInitializationError, "initialization error"),
    DLENGINE_STATUS(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    DLENGINE_STATUS(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    DLENGINE_STATUS(cudaErrorInsufficientDriver,
                    "CUDA driver version is insufficient for CUDA runtime version"),
    DLENGINE_STATUS(cudaErrorInvalidDeviceFunction, "invalid device function"),
    DLENGINE_STATUS(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    DLENGINE_STATUS(cudaErrorInvalidDevice, "invalid device ordinal"),
    DLENGINE_STATUS(cudaErrorNoKernelImageForDevice,
                    "no kernel image is available for execution on the device"),
    DLENGINE_STATUS(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered", true),
    DLENGINE_STATUS(cudaErrorUnsupportedPtxVersion,
                    "the provided PTX was compiled with an unsupported toolchain."),
    DLENGINE_STATUS(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    DLENGINE_STATUS(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    DLENGINE_STATUS(cudaErrorNotReady, "device not ready"),
    DLENGINE_STATUS(cudaErrorIllegalAddress, "an illegal memory access was encountered", true),
    DLENGINE_STATUS(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    DLENGINE_STATUS(cudaErrorLaunchTimeout, "the launch timed out and was terminated", true),
    DLENGINE_STATUS(cudaErrorAssert, "device-side assert triggered", true),
    DLENGINE_STATUS(cudaErrorHardwareStackError, "hardware stack error", true),
    DLENGINE_STATUS(cudaErrorIllegalInstruction, "an illegal instruction was encountered", true),
    DLENGINE_STATUS(cudaErrorMisalignedAddress, "misaligned address", true),
    DLENGINE_STATUS(cudaErrorInvalidAddressSpace, "operation not supported on global/shared address space",
                    true),
    DLENGINE_STATUS(cudaErrorInvalidPc, "invalid program counter", true),
    DLENGINE_STATUS(cudaErrorLaunchFailure, "unspecified launch failure", true),
    DLENGINE_STATUS(cudaErrorNotPermitted, "operation not permitted"),
    DLENGINE_STATUS(cudaErrorNotSupported, "operation not supported"),
    DLENGINE_STATUS(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    DLENGINE_STATUS(cudaErrorStreamCaptureInvalidated,
                    "operation failed due to a previous error during capture"),
    DLENGINE_STATUS(cudaErrorStreamCaptureMerge,
                    "operation would result in a merge of separate capture "
                    "sequences"),
    DLENGINE_STATUS(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    DLENGINE_STATUS(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    DLENGINE_STATUS(cudaErrorStreamCaptureIsolation,
                    "dependency created on uncaptured work in another stream"),
    DLENGINE_STATUS(cudaErrorStreamCaptureImplicit,
                    "operation would make the legacy stream depend on a capturing blocking stream"),
    DLENGINE_STATUS(cudaErrorCapturedEvent,
                    "operation not permitted on an event last recorded in a "
                    "capturing stream"),
    DLENGINE_STATUS(cudaErrorStreamCaptureWrongThread,
                    "attempt to terminate a thread-local capture sequence from another thread"),
    DLENGINE_STATUS(cudaErrorUnknown, "unknown error"),
};
#undef DLENGINE_STATUS

const Status* find_status(cudaError_t value) {
  const auto found = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                  [&](const Status& status) { return status.value == value; });
  return found == std::end(kStatuses) ? nullptr : found;
}

thread_local cudaError_t last_error = cudaSuccess;
cudaError_t the_broken_context = cudaSuccess;

}  // namespace

cudaError_t remember(cudaError_t status) {
  if (status == cudaSuccess) return status;
  last_error = status;
  const Status* found = find_status(status);
  if (found && found->breaks_context) the_broken_context = status;
  return status;
}

cudaError_t broken_context() { return the_broken_context; }

void mend_context() { the_broken_context = cudaSuccess; }

cudaError_t refuse(cudaError_t status, std::string_view kind, const std::string& why) {
  report(kind, fmt::format("{}: {}", current_api(), why));
  return status;
}

cudaError_t not_emulated(const std::string& what) {
  return refuse(cudaErrorNotSupported, kind::kNotEmulated, what);
}

// These two neither count as calls nor fail.
extern "C" cudaError_t cudaPeekAtLastError() {
  return broken_context() != cudaSuccess ? broken_context() : last_error;
}

extern "C" cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error = cudaSuccess;
  return error;
}

extern "C" const char* cudaGetErrorName(cudaError_t error) {
  const Status* status = find_status(error);
  return status ? status->name : "unrecognized error code";
}

extern "C" const char* cudaGetErrorString(cudaError_t error) {
  const Status* status = find_status(error);
  return status ? status->text : "unrecognized error code";
}

}  // namespace dlengine::emulator
