// The tests' main(): where they run on the emulated device, what it finds wrong fails the test that did it.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/emulator/control.h"

namespace dlengine::test {
namespace {

// The emulated device, once a test has opened it.
emulator::Control* emulated_device() {
  const char* plugin = std::getenv("DLENGINE_CUDA_PLUGIN");
  void* library = plugin ? dlopen(plugin, RTLD_NOW | RTLD_NOLOAD) : nullptr;
  void* entry = library ? dlsym(library, kEmulatorControlSymbol) : nullptr;
  return entry ? reinterpret_cast<emulator::Control* (*)()>(entry)() : nullptr;
}

class ReportsAreFailures : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    emulator::Control* device = emulated_device();
    if (!device) return;
    for (const std::string& report : device->take_reports()) ADD_FAILURE() << report;
  }
};

}  // namespace
}  // namespace dlengine::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new dlengine::test::ReportsAreFailures);
  return RUN_ALL_TESTS();
}
