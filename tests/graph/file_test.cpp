// Graph files: what is in them, and that damaged or malicious ones are refused.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/graph/graphs.h"

namespace dlengine::test {
namespace {

/// A small network with what graphs have: several calls, views, constants, both orders of images.
Graph small_graph() {
  manual_seed(6);
  Sequential model{Conv2d({.in_channels = 2, .out_channels = 3, .kernel = 3}),
                   ReLU(),
                   MaxPool2d({.kernel = 2}),
                   Flatten(),
                   Linear({.in_features = 12, .out_features = 2}),
                   Softmax()};
  return trace(model, {1, 2, 6, 6});
}

/// The file of a graph, to be changed.
struct GraphFile {
  explicit GraphFile(const Graph& graph) {
    graph.save(dir / "graph");
    good = load_safetensors(dir / "graph");
  }
  std::string text() const { return good.metadata.at(kGraphKey); }
  /// Loads the graph from another text.
  Graph with(const std::string& text) {
    save_safetensors(dir / "changed", good.tensors, {{kGraphKey, text}});
    return Graph::load(dir / "changed");
  }

  TempDir dir;
  SafetensorsFile good;
};

/// The text with the first of `from` replaced; it must be there.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(GraphFile, IsASafetensorsFileOfTheWeights) {
  const Graph graph = small_graph();
  GraphFile file(graph);
  ASSERT_EQ(file.good.tensors.size(), 4u);
  EXPECT_EQ(file.good.tensors[0].first, "0.weight");
  EXPECT_THAT(file.text(), testing::HasSubstr("\"function\":\"conv2d\""));
  EXPECT_THAT(file.text(), testing::StartsWith("{\"version\":1,"));
  const Tensor x = randn({3, 2, 6, 6});
  expect_same_bits(file.with(file.text())(x), graph(x));
}

TEST(GraphFile, TheSameGraphGivesTheSameBytes) {
  const TempDir dir;
  small_graph().save(dir / "a");
  small_graph().save(dir / "b");
  EXPECT_EQ(read_bytes(dir / "a"), read_bytes(dir / "b"));
}

TEST(GraphFile, NamesThePathInErrors) {
  const TempDir dir;
  expect_throw<IoError>([&] { Graph::load(dir / "none"); }, {dir / "none"});
  save_safetensors(dir / "weights", {{"w", ones({2})}});
  expect_throw<IoError>([&] { Graph::load(dir / "weights"); }, {dir / "weights", "the file holds no graph"});
  expect_throw<IoError>([&] { small_graph().save(dir / "no folder/graph"); }, {"no folder"});
}

struct Change {
  const char *from, *to, *message;
};

TEST(GraphFile, WhatIsWrongIsNamed) {
  GraphFile file(small_graph());
  const Change changes[] = {
      {"\"version\":1", "\"version\":2", "the graph is of version 2, this program reads version 1"},
      {"\"version\":1,", "", "\"version\" is missing"},
      {"\"version\":1", "\"version\":1,\"x\":1", "\"x\" is not known here"},
      {"\"conv2d\"", "\"conv3d\"", "call 1: there is no function \"conv3d\""},
      {"\"stride\":[2,2]", "\"stride\":[0,2]", "max_pool2d"},
      {"\"stride\":[2,2]", "\"strike\":[2,2]", "strike is none of its arguments"},
      {"\"stride\":[2,2]", "\"stride\":[-2,2]", "-2 is no whole number from 0"},
      {"\"stride\":[2,2]", "\"stride\":2", "stride cannot be \"2\""},
      {"\"kernel\":[2,2]", "\"kernel\":[3,2]", "max_pool2d"},
      {"\"activation\":\"relu\"", "\"activation\":\"rely\"", "activation cannot be \"rely\""},
      {"\"dtype\":\"f32\",\"shape\":[[0,1]", "\"dtype\":\"f31\",\"shape\":[[0,1]", "no element type \"f31\""},
      {"[[0,1],2,6,6]", "[[0,2],2,6,6]", "an input has a size of 2N"},
      {"[[0,1],2,6,6]", "[[0,1],2,6]", "call 0 (copy)"},
      {"[[0,1],2,6,6]", "[[0,1],2,6,6,1,1,1,1,1]", "no list of at most 8 sizes"},
      {"[[0,1],3,4,4]", "[[0,1],3,4,400]", "call 1 (conv2d): a view of %"},
      {"[[0,1],3,4,4]", "[[0,1],3,4,-4]", "-4 is no whole number"},
      {"[[0,1],3,4,4]", "[[0,1],3,4,281474976710656]", "ends at element"},
      {"\"constant\":0", "\"constant\":9", "there is no constant 9"},
      {"\"input\":0", "\"input\":1", "there is no input 1"},
      {"\"value\":1,", "\"value\":1000000,", "there is no value %1000000"},
      {"\"value\":1,", "\"value\":-1,", "-1 is no whole number"},
      {"\"value\":1,", "\"value\":0,", "%0 is an input or a constant and is written"},
      {"\"bytes\":[0,288]", "\"bytes\":[0,280]", "ends at element"},
      {"\"bytes\":[0,288]", "\"bytes\":[0,9223372036854775807]", "no whole number"},
      {"\"outputs\":[\"y\"]", "\"outputs\":[]", "there are 1 results and 0 names"},
      {"\"0.weight\"", "\"9.weight\"", "the file has no tensor \"9.weight\""},
      {"\"0.weight\"", "\"0.bias\"", "the constant \"0.bias\" is named twice"},
      {"\"0.weight\",", "", "there is no constant 3"},
      {"\"channels_last\":[\"f32\"]", "\"channels_last\":\"f32\"", "\"channels_last\" is no list"},
      {"{\"version\"", "[{\"version\"", "parse error"},
      {"\"inputs\":[", "\"inputs\":[[[[[[[[[[[[[[[", "nested more than 12 levels deep"},
  };
  for (const Change& change : changes) {
    SCOPED_TRACE(std::string(change.from) + " -> " + change.to);
    if (std::string(change.from) == "\"0.weight\",") {
      expect_throw<IoError>([&] { file.with(replaced(file.text(), change.from, change.to)); },
                            {"Graph::load: ", "the file has 4 tensors, the graph 3 constants"});
      continue;
    }
    expect_throw<IoError>([&] { file.with(replaced(file.text(), change.from, change.to)); },
                          {"Graph::load: " + (file.dir / "changed"), change.message});
  }
}

/// A graph of calls on the values %0 and %1, constants of i64, and %2, 8 computed numbers, which are the
/// result.
Graph loaded(const std::string& calls) {
  const TempDir dir;
  const std::string text =
      R"({"version":1,"inputs":[],"outputs":["y"],"constants":["c","z"],"programs":[{"channels_last":[],)"
      R"("values":[{"constant":0},{"constant":1},{"bytes":64}],"calls":[)" +
      calls + R"(],"outputs":[{"value":2,"dtype":"i64","shape":[8],"strides":[1],"offset":0}]}]})";
  const Tensor c = from_vector<int64_t>({1, 7}, {2}), z = from_vector<int64_t>({1, 0}, {2});
  save_safetensors(dir / "graph", {{"c", c}, {"z", z}}, {{kGraphKey, text}});
  return Graph::load(dir / "graph");
}

/// A row of two elements of a value.
std::string two(int value, int offset, int stride = 1) {
  return fmt::format(R"({{"value":{},"dtype":"i64","shape":[2],"strides":[{}],"offset":{}}})", value, stride,
                     offset);
}

std::string call(const char* function, const char* with, std::initializer_list<std::string> tensors) {
  return fmt::format(R"({{"function":"{}","with":{{{}}},"tensors":[{}]}})", function, with,
                     fmt::join(tensors, ","));
}

// A kernel checks positions before it writes: they must not be what it writes.
TEST(GraphFile, ResultsThatOverlapOperandsAreRefused) {
  const std::string start = call("copy", "", {two(1, 0), two(2, 0)}) + ",";
  const char* add = R"("op":"add")";
  const std::string refused[] = {
      call("index_select", R"("axis":0)", {two(0, 0), two(2, 0), two(2, 1)}),
      call("index_select", R"("axis":0)", {two(0, 0), two(2, 0), two(2, 0)}),
      call("gather", R"("axis":0)", {two(2, 0), two(1, 0), two(2, 1)}),
      call("binary", add, {two(1, 0), two(2, 0), two(2, 1)}),
      call("binary", add, {two(2, 0), two(2, 0, 3), two(2, 0)}),
      call("copy", "", {two(2, 0), two(2, 1)}),
      call("cumsum", R"("axis":0,"reverse":false)", {two(2, 0), two(2, 0)}),
  };
  for (const std::string& bad : refused) {
    SCOPED_TRACE(bad);
    expect_throw<IoError>([&] { loaded(start + bad); },
                          {"call 1 (", "a result overlaps another tensor", "%2"});
  }
  const auto run = [&](const std::string& good) { return loaded(start + good).run({})[0]; };
  expect_same(run(call("index_select", R"("axis":0)", {two(0, 0), two(2, 0), two(2, 2)})),
              {1, 0, 7, 1, 0, 0, 0, 0});
  expect_same(run(call("binary", add, {two(2, 0), two(0, 0), two(2, 0)})), {2, 7, 0, 0, 0, 0, 0, 0});
}

TEST(GraphFile, ResultsHoldNothingOldWhereTheyAreNotWritten) {
  for (const std::string& write : {two(2, 0), two(2, 3), two(2, 1, 4), two(2, 5, 0)}) {
    SCOPED_TRACE(write);
    const Graph graph = loaded(call("fill", R"("value":1.0)", {write}));
    for (int i = 0; i < 2; ++i) {
      full({8}, 99, DType::i64);  // leaves a block of this size
      const std::vector<int64_t> got = graph.run({})[0].to_vector<int64_t>();
      EXPECT_EQ(std::count(got.begin(), got.end(), 0) + std::count(got.begin(), got.end(), 1), 8);
    }
  }
}

/// Loads and runs what is left of a file; it may fail, but only as errors do. True if it was refused.
bool is_refused(const std::string& path) {
  try {
    const Graph graph = Graph::load(path);
    std::vector<Tensor> inputs;
    for (int i = 0; i < static_cast<int>(graph.inputs().size()); ++i) inputs.push_back(ones({2, 2, 6, 6}));
    graph.run(inputs);
    return false;
  } catch (const Error&) {
    return true;
  }
}

TEST(GraphDamage, EveryTruncationIsRefused) {
  const TempDir dir;
  small_graph().save(dir / "good");
  const std::string good = read_bytes(dir / "good");
  for (size_t length = 0; length < good.size(); length += length < 300 ? 1 : 7) {
    write_bytes(dir / "cut", good.substr(0, length));
    EXPECT_TRUE(is_refused(dir / "cut")) << length;
  }
}

// Bits of digits, names and brackets flip; what still is a graph must run.
TEST(GraphDamage, BitsOfTheHeaderMayFlip) {
  const TempDir dir;
  small_graph().save(dir / "good");
  const std::string good = read_bytes(dir / "good");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, good.data(), 8);
  size_t refused = 0;
  for (size_t byte = 0; byte < 8 + header_bytes; ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << byte % 8));
    write_bytes(dir / "flip", bad);
    refused += is_refused(dir / "flip");
  }
  EXPECT_GT(refused, header_bytes * 3 / 4);
}

// A digit becomes another one: the header stays JSON, so the checks behind the parser must find it.
TEST(GraphDamage, DigitsMayChange) {
  GraphFile file(small_graph());
  const std::string good = file.text();
  const TempDir dir;
  size_t changed = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    if (good[i] < '0' || good[i] > '9') continue;
    for (const char digit : {'0', '9'}) {
      std::string bad = good;
      bad[i] = digit;
      save_safetensors(dir / "digit", file.good.tensors, {{kGraphKey, bad}});
      is_refused(dir / "digit");
      ++changed;
    }
  }
  EXPECT_GT(changed, 300u);
}

}  // namespace
}  // namespace dlengine::test
