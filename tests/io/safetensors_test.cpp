// What is written is read back, bit by bit, and the bytes of the file are the ones that the format asks for.
#include "dlengine/core/io/safetensors.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "tests/support/compare.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

constexpr DType kTypes[] = {DType::f16, DType::bf16, DType::f32, DType::f64,
                            DType::u8,  DType::i32,  DType::i64, DType::boolean};

/// Every byte different, or 0 and 1 for bool.
Tensor some_bytes(const Shape& shape, DType dtype) {
  Tensor tensor = empty(shape, dtype);
  const size_t count = static_cast<size_t>(tensor.numel()) * size_of(dtype);
  auto* bytes = static_cast<uint8_t*>(tensor.raw());
  for (size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<uint8_t>(dtype == DType::boolean ? i % 3 == 0 : i * 37 + 5);
  return tensor;
}

void expect_same_bytes(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.dtype(), want.dtype());
  ASSERT_EQ(got.shape(), want.shape());
  const size_t bytes = static_cast<size_t>(want.numel()) * size_of(want.dtype());
  EXPECT_TRUE(bytes == 0 || std::memcmp(got.raw(), want.raw(), bytes) == 0);
}

TEST(Safetensors, ReadsBackEveryTypeAndShape) {
  const TempDir dir;
  NamedTensors tensors;
  for (const DType dtype : kTypes) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{5}, Shape{3, 0, 2}, Shape{2, 3, 5},
                               Shape{1, 1, 1, 2, 1, 3, 1, 1}}) {
      tensors.emplace_back(std::string(name(dtype)) + to_string(shape), some_bytes(shape, dtype));
    }
  }
  const std::map<std::string, std::string> metadata = {
      {"epoch", "3"}, {"", "empty key"}, {"ä\n\"", "quotes \\ and ü"}};
  save_safetensors(dir / "a", tensors, metadata);
  const SafetensorsFile file = load_safetensors(dir / "a");
  EXPECT_EQ(file.metadata, metadata);
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    SCOPED_TRACE(tensors[i].first);
    EXPECT_EQ(file.tensors[i].first, tensors[i].first);
    expect_same_bytes(file.tensors[i].second, tensors[i].second);
  }
  EXPECT_EQ(dir.entries(), 1u);
}

TEST(Safetensors, ReadsBackNoTensorsAtAll) {
  const TempDir dir;
  save_safetensors(dir / "a", {});
  EXPECT_EQ(read_bytes(dir / "a"), std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  EXPECT_TRUE(load_safetensors(dir / "a").tensors.empty());
}

TEST(Safetensors, WritesViewsAsTheyLook) {
  const TempDir dir;
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), 0.0f);
  const Tensor x = from_vector(values, {4, 6});
  save_safetensors(dir / "a", {{"transposed", x.transpose(0, 1)}, {"sliced", x.slice(1, 1, 6, 2)}});
  const SafetensorsFile file = load_safetensors(dir / "a");
  EXPECT_EQ(file.tensors[0].second.to_vector<float>(), x.transpose(0, 1).to_vector<float>());
  EXPECT_EQ(file.tensors[1].second.to_vector<float>(), x.slice(1, 1, 6, 2).to_vector<float>());
}

TEST(Safetensors, WritesTheBytesOfTheFormat) {
  const TempDir dir;
  Tensor small = empty({3}, DType::u8);
  std::memcpy(small.raw(), "abc", 3);
  Tensor wide = empty({1}, DType::f64);
  std::memcpy(wide.raw(), "ABCDEFGH", 8);
  save_safetensors(dir / "a", {{"b", small}, {"a", wide}}, {{"k", "v"}});
  const std::string header =
      R"({"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},)"
      R"("a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})";
  const size_t padded = (header.size() + 7) / 8 * 8;
  std::string want(8, '\0');
  want[0] = static_cast<char>(padded);
  want += header + std::string(padded - header.size(), ' ') + "ABCDEFGHabc";
  EXPECT_EQ(read_bytes(dir / "a"), want);
}

TEST(Safetensors, ReadsNarrowIntegersIntoWiderOnes) {
  const TempDir dir;
  std::string file(8, '\0');
  const std::string header = R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},)"
                             R"("b":{"dtype":"I16","shape":[2],"data_offsets":[2,6]},)"
                             R"("c":{"dtype":"U16","shape":[2],"data_offsets":[6,10]},)"
                             R"("d":{"dtype":"U32","shape":[2],"data_offsets":[10,18]}})";
  file[0] = static_cast<char>(header.size());
  file += header + std::string("\x80\x7f", 2) + std::string("\x00\x80\xff\x7f", 4) +
          std::string("\x00\x80\xff\xff", 4) + std::string("\x01\x00\x00\x80\xff\xff\xff\xff", 8);
  write_bytes(dir / "a", file);
  const NamedTensors tensors = load_safetensors(dir / "a").tensors;
  ASSERT_EQ(tensors.size(), 4u);
  const std::vector<std::vector<int64_t>> want = {
      {-128, 127}, {-32768, 32767}, {32768, 65535}, {2147483649, 4294967295}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(tensors[i].second.dtype(), i < 3 ? DType::i32 : DType::i64);
    EXPECT_EQ(tensors[i].second.to_vector<int64_t>(), want[i]);
  }
}

TEST(Safetensors, AlignsEveryTensor) {
  const TempDir dir;
  NamedTensors tensors;
  for (int i = 0; i < 40; ++i)
    tensors.emplace_back(std::to_string(i), some_bytes({i % 7}, kTypes[i * 5 % 8]));
  save_safetensors(dir / "a", tensors);
  const std::string bytes = read_bytes(dir / "a");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  EXPECT_EQ(header_bytes % 8, 0u);
  const auto header = nlohmann::json::parse(bytes.substr(8, header_bytes));
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(header[name]["data_offsets"][0].get<size_t>() % size_of(tensor.dtype()), 0u) << name;
  }
}

TEST(Safetensors, SameTensorsGiveTheSameBytes) {
  const TempDir dir;
  const NamedTensors tensors = {{"w", some_bytes({3, 4}, DType::f32)}, {"n", some_bytes({}, DType::i64)}};
  save_safetensors(dir / "a", tensors, {{"x", "1"}, {"a", "2"}});
  const SafetensorsFile file = load_safetensors(dir / "a");
  save_safetensors(dir / "b", file.tensors, file.metadata);
  EXPECT_EQ(read_bytes(dir / "a"), read_bytes(dir / "b"));
}

TEST(Safetensors, RefusesNamesThatCannotBeWritten) {
  const TempDir dir;
  const Tensor x = zeros({2});
  expect_throw<ValueError>(
      [&] {
        save_safetensors(dir / "a", {{"w", x}, {"v", x}, {"w", x}});
      },
      {"save_safetensors", "\"w\"", "given twice"});
  expect_throw<ValueError>(
      [&] {
        save_safetensors(dir / "a", {{"__metadata__", x}});
      },
      {"\"__metadata__\"", "reserved"});
  expect_throw<ValueError>([&] { save_safetensors(dir / "a", {{"w", Tensor()}}); }, {"\"w\"", "undefined"});
  expect_throw<ValueError>([&] { save_safetensors(dir / "a", {{"\xff", x}}); }, {"no UTF-8"});
  expect_throw<ValueError>([&] { save_safetensors(dir / "a", {{"w", x}}, {{"k", "\xc3"}}); }, {"no UTF-8"});
  EXPECT_EQ(dir.entries(), 0u);
}

TEST(Safetensors, FailedSaveKeepsTheEarlierFile) {
  const TempDir dir;
  save_safetensors(dir / "a", {{"w", ones({4})}});
  const std::string before = read_bytes(dir / "a");
  expect_throw<IoError>(
      [&] {
        const FullDisk full(4096);
        save_safetensors(dir / "a", {{"w", zeros({4096})}});
      },
      {dir / "a", "File too large"});
  EXPECT_EQ(read_bytes(dir / "a"), before);
  EXPECT_EQ(dir.entries(), 1u);
  expect_throw<IoError>(
      [&] {
        save_safetensors(dir / "none/a", {{"w", ones({4})}});
      },
      {dir / "none/a", "No such file or directory"});
}

}  // namespace
}  // namespace dlengine::test
