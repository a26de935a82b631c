// Reads DLENGINE_TEST_DEVICES and DLENGINE_REQUIRE_CUDA once.
#include "tests/support/devices.h"

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "dlengine/core/error.h"
#include "tests/emulator/control.h"

namespace dlengine::test {
namespace {

bool listed(std::string_view list, std::string_view name) {
  return (',' + std::string(list) + ',').find(',' + std::string(name) + ',') != std::string::npos;
}

std::vector<Device> find_devices() {
  const Device cuda{DeviceKind::cuda, 0};
  const char* list = std::getenv("DLENGINE_TEST_DEVICES");
  const std::string_view wanted = list ? list : "cpu,cuda";
  std::vector<Device> found;
  if (listed(wanted, "cpu")) found.push_back(kCpu);
  if (listed(wanted, "cuda") && is_available(cuda)) found.push_back(cuda);

  const char* require = std::getenv("DLENGINE_REQUIRE_CUDA");
  if (require && std::string_view(require) == "1" && !is_available(cuda)) {
    throw DeviceError("DLENGINE_REQUIRE_CUDA=1, but there is no CUDA device to test on");
  }
  if (found.empty()) throw DeviceError("no device to test on: DLENGINE_TEST_DEVICES=" + std::string(wanted));
  return found;
}

}  // namespace

const std::vector<Device>& devices() {
  static const std::vector<Device> found = find_devices();
  return found;
}

emulator::Control* emulated_device() {
  const char* plugin = std::getenv("DLENGINE_CUDA_PLUGIN");
  void* library = plugin ? dlopen(plugin, RTLD_NOW | RTLD_NOLOAD) : nullptr;
  void* entry = library ? dlsym(library, kEmulatorControlSymbol) : nullptr;
  return entry ? reinterpret_cast<emulator::Control* (*)()>(entry)() : nullptr;
}

std::vector<Device> accelerators() {
  std::vector<Device> found;
  for (const Device device : devices()) {
    if (device.kind != DeviceKind::cpu) found.push_back(device);
  }
  return found;
}

const std::vector<DType>& floating_types() {
  static const std::vector<DType> types = {DType::f16, DType::bf16, DType::f32, DType::f64};
  return types;
}

const std::vector<DType>& integer_types() {
  static const std::vector<DType> types = {DType::u8, DType::i32, DType::i64};
  return types;
}

const std::vector<DType>& all_types() {
  static const std::vector<DType> types = {DType::f16, DType::bf16, DType::f32, DType::f64,
                                           DType::u8,  DType::i32,  DType::i64, DType::boolean};
  return types;
}

}  // namespace dlengine::test
