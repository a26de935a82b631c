// Damaged and malicious safetensors files give an IoError that says what is wrong.
#include <cstring>
#include <filesystem>
#include <string>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/io/safetensors.h"
#include "tests/support/compare.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

std::string length_prefix(uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

std::string file_of(const std::string& header, size_t data_bytes) {
  return length_prefix(header.size()) + header + std::string(data_bytes, '\1');
}

/// One tensor "w" with this text behind its name.
std::string entry(const std::string& fields) { return R"({"w":{)" + fields + "}}"; }

/// Tensors "v" and "w" of four bytes each, at these places.
std::string two_tensors(const std::string& v, const std::string& w, size_t data_bytes) {
  const std::string fields = R"("dtype":"U8","shape":[4],"data_offsets":)";
  return file_of(R"({"v":{)" + fields + v + R"(},"w":{)" + fields + w + "}}", data_bytes);
}

struct BadFile {
  const char* what;
  std::string content;
  const char* message;
};

void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.what; }

const std::string kGood = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
const std::string kHuge = "9223372036854775807";

const BadFile kLengths[] = {
    {"empty file", "", "the file has 0 bytes"},
    {"seven bytes", "1234567", "the file has 7 bytes"},
    {"length past the end", length_prefix(1000) + "{}",
     "the header length is 1000, but the file has only 10 bytes"},
    {"length one past the end", length_prefix(3) + "{}", "the header length is 3"},
    {"length of all ones", length_prefix(~uint64_t{0}) + "{}", "the header length is 18446744073709551615"},
    {"header beyond the limit", length_prefix(100'000'001) + "{}", "at most 100000000 is allowed"},
    {"no header", length_prefix(0), "does not start with {"},
    {"data cut short", file_of(entry(kGood), 7), "tensor \"w\" ends at byte 8 of the data, the file has 7"},
    {"data too long", file_of(entry(kGood), 9), "the tensors have 8 bytes, the file has 9"},
    {"data without tensors", file_of("{}", 1), "the tensors have 0 bytes, the file has 1"},
};

const BadFile kJson[] = {
    {"a list", file_of("[1]", 0), "does not start with {"},
    {"a blank first", file_of(" {}", 0), "does not start with {"},
    {"not closed", file_of("{\"w\":", 0), "the header is damaged"},
    {"text behind it", file_of("{}x", 0), "the header is damaged"},
    {"a NUL behind it", file_of(std::string("{}\0", 3), 0), "the header is damaged"},
    {"not UTF-8", file_of("{\"\xff\":1}", 0), "the header is damaged"},
    {"a name twice", file_of(R"({"w":{)" + kGood + R"(},"w":{)" + kGood + "}}", 8), "the key \"w\" twice"},
    {"a field twice", file_of(entry(R"("dtype":"U8",)" + kGood), 8), "the key \"dtype\" twice"},
    {"metadata twice", file_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "the key \"a\" twice"},
    {"deep nesting", file_of("{\"w\":" + std::string(100'000, '['), 0), "more than 3 levels"},
    {"deep objects", file_of(R"({"w":{"shape":{"a":{}}}})", 0), "more than 3 levels"},
    {"metadata of numbers", file_of(R"({"__metadata__":{"a":1}})", 0), "\"a\" is no text"},
    {"metadata no object", file_of(R"({"__metadata__":"a"})", 0), "__metadata__ is no object"},
    {"entry no object", file_of(R"({"w":3})", 0), "the entry of tensor \"w\" is no object"},
};

const BadFile kFields[] = {
    {"no dtype", file_of(entry(R"("shape":[2],"data_offsets":[0,8])"), 8), "tensor \"w\" has no dtype"},
    {"no shape", file_of(entry(R"("dtype":"F32","data_offsets":[0,8])"), 8), "tensor \"w\" has no shape"},
    {"no offsets", file_of(entry(R"("dtype":"F32","shape":[2])"), 8), "tensor \"w\" has no data_offsets"},
    {"dtype a number", file_of(entry(R"("dtype":3,"shape":[2],"data_offsets":[0,8])"), 8),
     "dtype is no text"},
    {"unknown dtype", file_of(entry(R"("dtype":"Q7","shape":[2],"data_offsets":[0,8])"), 8),
     "unknown element type \"Q7\""},
    {"lower case dtype", file_of(entry(R"("dtype":"f32","shape":[2],"data_offsets":[0,8])"), 8),
     "unknown element type \"f32\""},
    {"shape a number", file_of(entry(R"("dtype":"F32","shape":2,"data_offsets":[0,8])"), 8),
     "shape is no list"},
    {"negative size", file_of(entry(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8),
     "shape has -2"},
    {"fractional size", file_of(entry(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), 8),
     "shape has 2.0"},
    {"size as text", file_of(entry(R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])"), 8),
     "shape has \"2\""},
    {"size beyond int64",
     file_of(entry(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8])"), 8),
     "shape has 9223372036854775808"},
    {"size beyond uint64",
     file_of(entry(R"("dtype":"F32","shape":[99999999999999999999999],"data_offsets":[0,8])"), 8),
     "e+22, need an integer"},
    {"product overflows to the right size",
     file_of(entry(R"("dtype":"U8","shape":[4294967296,4294967296,8],"data_offsets":[0,0])"), 0),
     "too many elements"},
    {"overflow hidden by a 0",
     file_of(entry(R"("dtype":"U8","shape":[)" + kHuge + "," + kHuge + R"(,0],"data_offsets":[0,0])"), 0),
     "too many elements"},
    {"bytes overflow", file_of(entry(R"("dtype":"F64","shape":[)" + kHuge + R"(],"data_offsets":[0,8])"), 8),
     "too many elements"},
    {"much memory", file_of(entry(R"("dtype":"U8","shape":[1000000000000],"data_offsets":[0,8])"), 8),
     "needs 1000000000000 bytes, data_offsets give 8"},
    {"nine axes", file_of(entry(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])"), 8),
     "has 9 axes, at most 8"},
};

const BadFile kOffsets[] = {
    {"one offset", file_of(entry(R"("dtype":"F32","shape":[2],"data_offsets":[8])"), 8),
     "need data_offsets [begin, end]"},
    {"three offsets", file_of(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"), 8),
     "need data_offsets [begin, end]"},
    {"end before begin", file_of(entry(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8),
     "begin <= end"},
    {"negative offset", file_of(entry(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])"), 8),
     "data_offsets has -8"},
    {"size mismatch", file_of(entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8),
     "needs 12 bytes, data_offsets give 8"},
    {"not at 0", file_of(entry(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 12), "there is a gap"},
    {"past the end",
     file_of(entry(R"("dtype":"U8","shape":[)" + kHuge + R"(],"data_offsets":[0,)" + kHuge + "]"), 8),
     "ends at byte 9223372036854775807"},
    {"overlap", two_tensors("[2,6]", "[0,4]", 6),
     "tensor \"v\" starts at byte 2 of the data, need 4: tensors overlap"},
    {"the same bytes twice", two_tensors("[0,4]", "[0,4]", 4), "tensors overlap"},
    {"gap", two_tensors("[5,9]", "[0,4]", 9),
     "tensor \"v\" starts at byte 5 of the data, need 4: there is a gap"},
    {"bool neither 0 nor 1",
     length_prefix(55) + R"({"w":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})"
                         "\1\2",
     "neither 0 nor 1"},
};

class SafetensorsBad : public testing::TestWithParam<BadFile> {};

TEST_P(SafetensorsBad, IsRefusedWithAReason) {
  const TempDir dir;
  write_bytes(dir / "bad", GetParam().content);
  expect_throw<IoError>([&] { load_safetensors(dir / "bad"); },
                        {"load_safetensors", dir / "bad", GetParam().message});
}

std::string case_name(const testing::TestParamInfo<BadFile>& info) {
  std::string text = info.param.what;
  for (char& letter : text) letter = std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
  return text;
}

INSTANTIATE_TEST_SUITE_P(Lengths, SafetensorsBad, testing::ValuesIn(kLengths), case_name);
INSTANTIATE_TEST_SUITE_P(Json, SafetensorsBad, testing::ValuesIn(kJson), case_name);
INSTANTIATE_TEST_SUITE_P(Fields, SafetensorsBad, testing::ValuesIn(kFields), case_name);
INSTANTIATE_TEST_SUITE_P(Offsets, SafetensorsBad, testing::ValuesIn(kOffsets), case_name);

TEST(SafetensorsDamage, TypesThatDlengineHasNotAreNamed) {
  const TempDir dir;
  for (const std::string type : {"U64", "F8_E4M3", "F8_E5M2", "C64"}) {
    write_bytes(dir / "a",
                file_of(R"({"good":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"odd":{"dtype":")" + type +
                            R"(","shape":[0],"data_offsets":[0,0]}})",
                        0));
    expect_throw<DTypeError>([&] { load_safetensors(dir / "a"); },
                             {dir / "a", "\"odd\"", type.c_str(), "need one of"});
  }
}

TEST(SafetensorsDamage, FilesThatAreNoneAreNamed) {
  const TempDir dir;
  expect_throw<IoError>([&] { load_safetensors(dir / "none"); }, {dir / "none", "No such file or directory"});
  expect_throw<IoError>([&] { load_safetensors(dir.path()); }, {dir.path(), "Is a directory"});
}

std::string good_file(const TempDir& dir) {
  Tensor flags = empty({2}, DType::boolean);
  std::memset(flags.raw(), 1, 2);
  save_safetensors(dir / "good", {{"w", ones({3, 2})}, {"flags", flags}, {"n", ones({}, DType::i64)}},
                   {{"k", "v"}});
  return read_bytes(dir / "good");
}

TEST(SafetensorsDamage, EveryTruncationIsRefused) {
  const TempDir dir;
  const std::string good = good_file(dir);
  for (size_t length = 0; length < good.size(); ++length) {
    SCOPED_TRACE(length);
    write_bytes(dir / "cut", good.substr(0, length));
    expect_throw<IoError>([&] { load_safetensors(dir / "cut"); }, {dir / "cut"});
  }
}

TEST(SafetensorsDamage, ABitOfEveryHeaderByteMayFlip) {
  const TempDir dir;
  const std::string good = good_file(dir);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, good.data(), 8);
  int refused = 0;
  for (size_t byte = 0; byte < 8 + header_bytes; ++byte) {
    SCOPED_TRACE(byte);
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << byte % 8));
    write_bytes(dir / "flip", bad);
    // A flip may give another valid name or text; then the tensors must still fill the file.
    try {
      size_t bytes = 0;
      for (const auto& [name, tensor] : load_safetensors(dir / "flip").tensors) {
        bytes += static_cast<size_t>(tensor.numel()) * size_of(tensor.dtype());
      }
      EXPECT_EQ(8 + header_bytes + bytes, good.size());
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(header_bytes) / 2);
}

}  // namespace
}  // namespace dlengine::test
