// A user of the installed library who has fmt: prints by core/format.h.
#include <dlengine/core/format.h>
#include <dlengine/dlengine.h>

using namespace dlengine;

int main() {
  const Tensor x = tensor({{1, 2}, {3, 4}});
  const std::string text = fmt::format("{} {} {}: {}", x.dtype(), x.shape(), x.device(), x);
  fmt::print("{}\n", text);
  return text == "f32 [2, 2] cpu: " + to_string(x) ? 0 : 1;
}
