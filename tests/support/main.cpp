// The tests' main(). With --emulated=PLUGIN they run on the emulated device alone, and what it finds wrong
// fails the test that did it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "tests/emulator/control.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

class ReportsAreFailures : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    emulator::Control* device = emulated_device();
    if (!device) return;
    for (const std::string& report : device->take_reports()) ADD_FAILURE() << report;
  }
};

void use_emulated_device(const char* plugin) {
  setenv("DLENGINE_CUDA_PLUGIN", plugin, 1);
  setenv("DLENGINE_TEST_DEVICES", "cuda", 1);
  setenv("DLENGINE_REQUIRE_CUDA", "1", 1);
}

}  // namespace
}  // namespace dlengine::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::string_view option = "--emulated=";
  if (argc == 2 && std::string_view(argv[1]).starts_with(option)) {
    dlengine::test::use_emulated_device(argv[1] + option.size());
  }
  testing::UnitTest::GetInstance()->listeners().Append(new dlengine::test::ReportsAreFailures);
  return RUN_ALL_TESTS();
}
