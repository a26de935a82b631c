// Devices by name, what is there, and streams.
#include "dlengine/core/device.h"

#include <cstdlib>

#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/stream.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

// Sets an environment variable for one test.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) before_ = old;
    setenv(name, value, 1);
  }
  ~Environment() { before_.empty() ? unsetenv(name_) : setenv(name_, before_.c_str(), 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string before_;
};

TEST(Device, ReadsAndWritesNames) {
  EXPECT_EQ(Device::parse("cpu"), kCpu);
  EXPECT_EQ(to_string(kCpu), "cpu");
  EXPECT_EQ(to_string(Device{DeviceKind::cuda, 3}), "cuda:3");
}

TEST(Device, RefusesNamesItDoesNotKnow) {
  for (const char* text :
       {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cpu:0", "cuda:99999999999"}) {
    SCOPED_TRACE(text);
    expect_throw<ValueError>([&] { Device::parse(text); }, {text, "cpu", "cuda"});
  }
}

TEST(Device, ThatIsNotThereIsAnErrorWithTheReason) {
  const Device absent{DeviceKind::cuda, 99};
  EXPECT_FALSE(is_available(absent));
  EXPECT_THROW(backend_for(absent), DeviceError);
  expect_throw<DeviceError>([&] { zeros({2}, DType::f32, absent); }, {"cuda"});
  expect_throw<DeviceError>([&] { zeros({2}).to(absent); }, {"cuda"});
  expect_throw<DeviceError>([] { Device::parse("cuda:99"); }, {"cuda"});
}

TEST(Device, BestFollowsTheEnvironment) {
  {
    const Environment wanted("DLENGINE_DEVICE", "cpu");
    EXPECT_EQ(Device::best(), kCpu);
    EXPECT_EQ(Device::parse("best"), kCpu);
  }
  {
    const Environment wanted("DLENGINE_DEVICE", "abacus");
    expect_throw<ValueError>([] { Device::best(); }, {"abacus"});
  }
  EXPECT_TRUE(is_available(Device::best()));
}

TEST(Device, ReportsNameEveryKindOrSayWhyThereIsNone) {
  bool cpu_seen = false;
  for (const DeviceReport& report : device_reports()) {
    cpu_seen = cpu_seen || report.kind == DeviceKind::cpu;
    EXPECT_EQ(report.available, is_available({report.kind, 0}));
    EXPECT_EQ(report.available, !report.devices.empty());
    EXPECT_EQ(report.available, report.reason.empty());
  }
  EXPECT_TRUE(cpu_seen);
  for (const Device device : devices()) {
    EXPECT_FALSE(describe(device).empty());
    EXPECT_EQ(describe(device).find('\n'), std::string::npos);
  }
}

TEST(Streams, OrderWorkAndMeasureIt) {
  for (const Device device : devices()) {
    const Stream side(device);
    Event start(device), stop(device);
    Tensor x = zeros({1000}, DType::f32, device);
    synchronize(device);
    {
      const StreamGuard guard(side);
      EXPECT_EQ(current_stream(device).handle(), side.handle());
      start.record(side);
      for (int i = 0; i < 10; ++i) x = x + 1.0;
      stop.record(side);
      EXPECT_EQ(x.select(0, 999).item<float>(), 10);
    }
    stop.block(current_stream(device));
    EXPECT_EQ((x * 2.0).select(0, 0).item<float>(), 20);
    stop.synchronize();
    EXPECT_GE(Event::elapsed_ms(start, stop), 0);
    side.synchronize();
  }
}

TEST(Streams, AnEventOrdersTheWorkOfTwo) {
  for (const Device device : devices()) {
    const Stream side(device);
    Event written(device), read(device);
    Tensor x = zeros({1000}, DType::f32, device), y;
    written.record(current_stream(device));
    written.block(side);
    {
      const StreamGuard guard(side);
      y = x + 1.0;
      read.record(side);
    }
    read.block(current_stream(device));
    x.fill_(7);  // after side has read it
    const Tensor z = x + y;
    y = Tensor();  // goes back to side, after this stream has read it
    EXPECT_EQ(z.select(0, 500).item<float>(), 8);
    side.synchronize();
  }
}

}  // namespace
}  // namespace dlengine::test
