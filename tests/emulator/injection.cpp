// See injection.h.
#include "tests/emulator/injection.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <string_view>

#include "tests/emulator/lock.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/start.h"
#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

namespace {

struct Calls {
  const char* current = nullptr;  // the outermost call
  std::string wanted = "*";
  uint64_t counted = 0, fails_at = 0;
  int status = 0;
  const char* failed = "";
};

Calls& calls() {
  static Calls& all = *new Calls;  // used until the very end of the process
  return all;
}

// Headers turn some names into newer ones: cublasCreate into cublasCreate_v2.
std::string_view plain_name(std::string_view api) {
  return api.substr(0, api.ends_with("_v2") ? api.size() - 3 : api.size());
}

}  // namespace

std::recursive_mutex& emulator_mutex() {
  static auto& mutex = *new std::recursive_mutex;
  return mutex;
}

ApiCall::ApiCall(const char* api) {
  start();
  emulator_mutex().lock();
  if (running_operation() != 0) {
    report(kind::kHostFunctionCall, fmt::format("{} in {}", api, describe_operation(running_operation())));
    injected_ = cudaErrorNotPermitted;
    return;
  }
  Calls& all = calls();
  is_outermost_ = all.current == nullptr;
  if (!is_outermost_) return;
  all.current = api;
  if (all.wanted != "*" && all.wanted != plain_name(api)) return;
  if (++all.counted != all.fails_at) return;
  all.failed = api;
  injected_ = all.status;
}

ApiCall::~ApiCall() {
  if (is_outermost_) {
    calls().current = nullptr;
    die_if_asked();
  }
  emulator_mutex().unlock();
}

const char* current_api() { return calls().current ? calls().current : "the host"; }

void inject(const std::string& api, uint64_t nth_call, int status) {
  calls() = {.wanted = std::string(plain_name(api)), .fails_at = nth_call, .status = status};
}

uint64_t api_calls() { return calls().counted; }

std::string failed_call() { return std::string(plain_name(calls().failed)); }

}  // namespace dlengine::emulator
