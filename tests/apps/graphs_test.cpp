// The demos' networks as graphs.
#include <gtest/gtest.h>

#include "apps/networks.h"
#include "dlengine/layers/trace.h"
#include "tests/graph/graphs.h"

namespace dlengine::apps {
namespace {

TEST(NetworkGraphs, GiveTheNetworksBits) {
  for (const Device device : test::devices()) {
    for (const char* name : {"cifar_cnn", "mnist_cnn", "mnist_mlp"}) {
      SCOPED_TRACE(std::string(name) + " on " + to_string(device));
      manual_seed(3);
      Sequential net = make_network(name);
      net.infer_shapes(image_shape(name));
      const Graph graph = test::saved_and_loaded(trace(net, image_shape(name)), device);
      EXPECT_EQ(graph.constants().size(), net.state().size());
      net.to(device);
      for (const int64_t batch : {1, 3}) {
        Shape shape = image_shape(name);
        shape[0] = batch;
        const Tensor x = rand(shape).to(device);
        test::expect_same_bits(graph(x), test::evaluated(net, x));
      }
    }
  }
}

}  // namespace
}  // namespace dlengine::apps
