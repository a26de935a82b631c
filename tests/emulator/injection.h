// Entering a function of the emulated API: the lock, the count of calls, and calls that a test wants to fail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dlengine::emulator {

namespace kind {
inline constexpr std::string_view kHostFunctionCall = "call from a host function";
}  // namespace kind

/// One call of an API function. Holds the emulator's lock, so that threads come one after the other. Calls
/// that a stand-in makes itself are neither counted nor made to fail.
class ApiCall {
 public:
  explicit ApiCall(const char* api);
  ~ApiCall();
  ApiCall(const ApiCall&) = delete;
  ApiCall& operator=(const ApiCall&) = delete;
  /// What the call must return without doing anything, if a test asked for that.
  const std::optional<int>& injected() const { return injected_; }

 private:
  bool is_outermost_ = false;
  std::optional<int> injected_;
};

/// The API function that the host is in, for reports; "the host" outside of all.
const char* current_api();

/// See Control. Names are without the "_v2" that headers add.
void inject(const std::string& api, uint64_t nth_call, int status);
uint64_t api_calls();
std::string failed_call();

}  // namespace dlengine::emulator

/// First line of a stand-in that returns a Status.
#define DLENGINE_EMULATED_CALL(Status)                         \
  const ::dlengine::emulator::ApiCall emulated_call(__func__); \
  if (emulated_call.injected()) return static_cast<Status>(*emulated_call.injected())
