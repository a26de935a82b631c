// Every layer may be in a graph: traced, saved and loaded, it gives the bits of the layer.
#include "tests/graph/graphs.h"
#include "tests/layers/every_layer.h"

namespace dlengine::test {
namespace {

class TracedLayers : public testing::TestWithParam<AnyLayer> {};

TEST_P(TracedLayers, GiveTheLayersBits) {
  const auto& [name, make, x] = GetParam();
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const std::unique_ptr<Module> layer = make();
    layer->infer_shapes(x.shape(), x.dtype());
    layer->to(device);
    const Tensor input = x.to(device);
    const Graph graph = trace(*layer, x.shape(), {.dtype = x.dtype(), .any_batch = false});
    expect_same_bits(saved_and_loaded(graph, device)(input), evaluated(*layer, input));
  }
}

INSTANTIATE_TEST_SUITE_P(All, TracedLayers, testing::ValuesIn(every_layer()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace dlengine::test
