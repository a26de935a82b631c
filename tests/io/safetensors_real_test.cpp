// Files that other libraries wrote, against their expected contents.
#include <openssl/evp.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "dlengine/core/error.h"
#include "dlengine/core/io/safetensors.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

using Json = nlohmann::json;

std::string sha256(const void* data, size_t bytes) {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(data, bytes, digest.data(), nullptr, EVP_sha256(), nullptr);
  std::string text;
  for (const unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// What dlengine reads the type into.
std::string type_here(const std::string& type) {
  if (type == "I8" || type == "I16" || type == "U16") return "I32";
  return type == "U32" ? "I64" : type;
}

void expect_tensor(const Tensor& got, const Json& want) {
  ASSERT_EQ(std::vector<int64_t>(got.shape().begin(), got.shape().end()),
            want["shape"].get<std::vector<int64_t>>());
  std::string type(name(got.dtype()));
  for (char& letter : type) letter = static_cast<char>(std::toupper(letter));
  EXPECT_EQ(type, type_here(want["dtype"]));
  const auto values = got.to_vector<double>();
  if (want.contains("values")) {
    EXPECT_EQ(values, want["values"].get<std::vector<double>>());
  } else {
    const auto first = want["first_three"].get<std::vector<double>>();
    EXPECT_EQ(std::vector<double>(values.begin(), values.begin() + 3), first);
    EXPECT_EQ(values.back(), want["last"].get<double>());
    EXPECT_EQ(sha256(got.raw(), static_cast<size_t>(got.numel()) * size_of(got.dtype())), want["sha256"]);
  }
}

void expect_file(const std::string& path, const Json& want) {
  const SafetensorsFile file = load_safetensors(path);
  std::map<std::string, std::string> metadata;
  if (want["metadata"].is_object()) metadata = want["metadata"].get<std::map<std::string, std::string>>();
  EXPECT_EQ(file.metadata, metadata);
  ASSERT_EQ(file.tensors.size(), want["tensors"].size());
  for (const auto& [name, tensor] : file.tensors) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(want["tensors"].contains(name));
    expect_tensor(tensor, want["tensors"][name]);
  }
}

TEST(SafetensorsReal, FilesOfOtherLibrariesHaveTheExpectedContents) {
  const char* data = std::getenv("DLENGINE_DATA_DIR");
  if (data == nullptr) GTEST_SKIP() << "DLENGINE_DATA_DIR is not set";
  const std::filesystem::path folder = std::filesystem::path(data) / "formats" / "safetensors";
  int loaded = 0, refused = 0;
  const Json expected = Json::parse(std::ifstream(folder / "expected.json"));
  for (const auto& [name, want] : expected.items()) {
    if (!want.is_object()) continue;
    SCOPED_TRACE(name);
    if (want["reader"] == "must refuse") {
      expect_throw<IoError>([&] { load_safetensors(folder / name); }, {name, "the header length is 1000"});
      ++refused;
    } else {
      expect_file(folder / name, want);
      ++loaded;
    }
  }
  EXPECT_EQ(loaded, 13);
  EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace dlengine::test
