// Tensors as text against numpy.array2string, character by character.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "dlengine/core/factory.h"
#include "dlengine/core/format.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// The sections of numpy_text.txt by their names.
std::map<std::string, std::string> stored_texts() {
  std::ifstream file(golden_folder() + "/numpy_text.txt");
  std::map<std::string, std::string> texts;
  std::string line, name;
  while (std::getline(file, line)) {
    if (line.starts_with("== ")) {
      name = line.substr(3);
    } else {
      texts[name] += line + "\n";
    }
  }
  return texts;
}

DType type_called(const std::string& wanted) {
  for (const DType dtype : all_types()) {
    if (name(dtype) == wanted) return dtype;
  }
  throw std::out_of_range("no type " + wanted);
}

/// The text without its last line, which tells type, shape and device.
std::string elements_of(const Tensor& x) {
  const std::string text = to_string(x);
  return text.substr(0, text.rfind('\n') + 1);
}

TEST(TensorText, IsNumPys) {
  const std::map<std::string, std::string> texts = stored_texts();
  size_t compared = 0;
  for (const auto& [key, value] : Golden("numpy.safetensors").under("text.")) {
    const std::string type = key.substr(0, key.find('.')), name = key.substr(type.size() + 1);
    EXPECT_EQ(elements_of(value.to(type_called(type))), texts.at(name)) << name;
    ++compared;
  }
  EXPECT_GT(compared, 30U);
  EXPECT_EQ(compared, texts.size());
}

TEST(TensorText, OfBf16HasTheFewestDigits) {
  EXPECT_EQ(elements_of(tensor({0.1F, -2.5F, 3}).to(DType::bf16)), "[ 0.1, -2.5,  3. ]\n");
}

TEST(TensorText, IsTheSameOnEveryDevice) {
  for (const Device device : devices()) {
    const Tensor x = arange(0, 1100, 1, DType::f32, device).reshape({11, 100});
    EXPECT_EQ(elements_of(x), elements_of(x.to(kCpu)));
  }
}

TEST(TensorText, GoesToStreamsAndToFmt) {
  const Tensor x = tensor({1, 2});
  std::ostringstream out;
  out << x << '|' << x.shape() << '|' << Device{DeviceKind::cuda, 1} << '|' << DType::boolean << '|'
      << Tensor();
  EXPECT_EQ(out.str(), to_string(x) + "|[2]|cuda:1|bool|undefined tensor");
  EXPECT_EQ(fmt::format("{}|{}|{}|{}", x, x.shape(), x.device(), x.dtype()), to_string(x) + "|[2]|cpu|f32");
}

}  // namespace
}  // namespace dlengine::test
