// cuBLASLt for the emulated device: what it says of itself in words.
#include <cublasLt.h>

#include "tests/emulator/injection.h"

extern "C" cublasStatus_t cublasLtGetProperty(libraryPropertyType type, int* value) {
  DLENGINE_EMULATED_CALL(cublasStatus_t);
  if (!value) return CUBLAS_STATUS_INVALID_VALUE;
  switch (type) {
    case MAJOR_VERSION: *value = CUBLAS_VER_MAJOR; break;
    case MINOR_VERSION: *value = CUBLAS_VER_MINOR; break;
    case PATCH_LEVEL: *value = CUBLAS_VER_PATCH; break;
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

extern "C" const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "the handle is not initialised";
    case CUBLAS_STATUS_ALLOC_FAILED: return "an allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE: return "an argument is invalid";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "the work could not be started";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "this is not supported";
    default: return "an unknown status";
  }
}
