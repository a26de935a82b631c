// IDX files, good and damaged, plain and gzip.
#include "dlengine/data/idx.h"

#include <cstdint>
#include <numeric>

#include "dlengine/core/error.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

TEST(Idx, ReadsEveryRankPlainAndGzip) {
  const TempDir dir;
  for (const std::vector<uint32_t>& sizes : std::vector<std::vector<uint32_t>>{
           {1}, {5}, {0}, {3, 4}, {2, 0, 5}, {2, 3, 4}, {1, 2, 1, 3}, {1, 1, 2, 1, 1, 3, 1, 2}}) {
    write_bytes(dir / "plain", idx_file(sizes));
    write_bytes(dir / "packed", gzip(idx_file(sizes)));
    for (const char* name : {"plain", "packed"}) {
      const Tensor array = read_idx(dir / name);
      EXPECT_EQ(array.dtype(), DType::u8);
      EXPECT_EQ(dims(array), std::vector<int64_t>(sizes.begin(), sizes.end()));
      std::vector<int> want(static_cast<size_t>(array.numel()));
      std::iota(want.begin(), want.end(), 0);
      EXPECT_EQ(array.to_vector<int>(), want);
    }
  }
}

struct BadIdx {
  const char* what;
  std::string content;
  const char* message;
};
void PrintTo(const BadIdx& bad, std::ostream* out) { *out << bad.what; }

const BadIdx kBad[] = {
    {"empty", "", "ends in its magic number: need 4 bytes, got 0"},
    {"text", "hello there", "starts with bytes 68 65, need 00 00"},
    {"first_byte", std::string("\1\0\x08\1\0\0\0\1a", 9), "starts with bytes 01 00"},
    {"type_of_float", std::string("\0\0\x0d\1\0\0\0\1abcd", 12), "type code is 0x0d, need 0x08"},
    {"type_unknown", std::string("\0\0\0\1\0\0\0\1a", 9), "type code is 0x00, need 0x08"},
    {"rank_0", std::string("\0\0\x08\0a", 5), "rank is 0, need 1 to 8"},
    {"rank_9", idx_file({1, 1, 1, 1, 1, 1, 1, 1, 1}), "rank is 9, need 1 to 8"},
    {"rank_255", std::string("\0\0\x08\xff", 4), "rank is 255"},
    {"sizes_missing", idx_header({2, 3}).substr(0, 10), "ends in its sizes: need 4 bytes, got 2"},
    {"one_byte_missing", idx_file({2, 3}).substr(0, 17), "header says [2, 3], but at most 5 bytes follow"},
    {"one_byte_more", idx_file({2, 3}) + "x", "goes on behind its end"},
    {"absurd_size", idx_header({0xffffffff}), "header says [4294967295], but at most 0 bytes follow"},
    {"absurd_product", idx_header({0xffffffff, 0xffffffff, 0xffffffff}) + "abc",
     "but at most 3 bytes follow"},
    {"product_wraps_to_0", idx_header({0x80000000, 0x80000000, 4}), "but at most 0 bytes follow"},
    {"overflow_hidden_by_0", idx_header({0, 0xffffffff, 0xffffffff, 0xffffffff}),
     "but at most 0 bytes follow"},
    {"gzip_absurd_size", gzip(idx_header({60000, 28000, 28000}) + "abc"),
     "header says [60000, 28000, 28000], but"},
    {"gzip_one_byte_missing", gzip(idx_file({2, 3}).substr(0, 17)),
     "ends in its elements: need 6 bytes, got 5"},
    {"gzip_one_byte_more", gzip(idx_file({2, 3}) + "x"), "goes on behind its end"},
    {"gzip_then_garbage", gzip(idx_file({2, 3})) + "garbage", "7 bytes follow the gzip data"},
    {"gzip_then_gzip", gzip(idx_file({2, 3})) + gzip(idx_file({2, 3})), "bytes follow the gzip data"},
    {"gzip_of_nothing", gzip(""), "ends in its magic number"},
    {"gzip_magic_alone", "\x1f\x8b", "the gzip data are cut short"},
};

class IdxBad : public testing::TestWithParam<BadIdx> {};

TEST_P(IdxBad, IsRefusedWithAReason) {
  const TempDir dir;
  write_bytes(dir / "bad", GetParam().content);
  expect_throw<IoError>([&] { read_idx(dir / "bad"); }, {"read_idx", dir / "bad", GetParam().message});
}

INSTANTIATE_TEST_SUITE_P(Files, IdxBad, testing::ValuesIn(kBad),
                         [](const testing::TestParamInfo<BadIdx>& test) { return test.param.what; });

TEST(Idx, RefusesWhatIsNoFile) {
  const TempDir dir;
  expect_throw<IoError>([&] { read_idx(dir / "none"); }, {dir / "none", "No such file or directory"});
  expect_throw<IoError>([&] { read_idx(dir.path()); }, {dir.path(), "Is a directory"});
}

TEST(Idx, EveryTruncationIsRefused) {
  const TempDir dir;
  for (const std::string& good : {idx_file({2, 3, 5}), gzip(idx_file({2, 3, 5}))}) {
    for (size_t length = 0; length < good.size(); ++length) {
      SCOPED_TRACE(length);
      write_bytes(dir / "cut", good.substr(0, length));
      expect_throw<IoError>([&] { read_idx(dir / "cut"); }, {dir / "cut"});
    }
  }
}

TEST(Idx, EveryHeaderByteIsChecked) {
  const TempDir dir;
  const std::string good = idx_file({2, 3, 5});
  for (size_t byte = 0; byte < 16; ++byte) {
    for (const int mask : {0x01, 0x10, 0x80, 0xff}) {
      SCOPED_TRACE(byte);
      std::string bad = good;
      bad[byte] = static_cast<char>(bad[byte] ^ mask);
      write_bytes(dir / "flip", bad);
      expect_throw<IoError>([&] { read_idx(dir / "flip"); }, {dir / "flip"});
    }
  }
}

TEST(Idx, GzipFindsEveryFlippedBitOfTheData) {
  const TempDir dir;
  const std::string good = gzip(idx_file({3, 40}));
  const std::vector<int> want = [&] {
    write_bytes(dir / "good", good);
    return read_idx(dir / "good").to_vector<int>();
  }();
  constexpr size_t kGzipHeader = 10;
  for (size_t byte = 0; byte < good.size(); ++byte) {
    SCOPED_TRACE(byte);
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << byte % 8));
    write_bytes(dir / "flip", bad);
    if (byte >= kGzipHeader) {
      expect_throw<IoError>([&] { read_idx(dir / "flip"); }, {dir / "flip"});
      continue;
    }
    try {  // time stamp and system do not matter to the data
      EXPECT_EQ(read_idx(dir / "flip").to_vector<int>(), want);
    } catch (const IoError&) {
    }
  }
}

TEST(IdxPair, GivesImagesWithAChannelAndClassNumbers) {
  const TempDir dir;
  write_bytes(dir / "images", idx_file({10, 3, 2}));
  write_bytes(dir / "labels", idx_file({10}));
  const TensorDataset pair = load_idx_pair(dir / "images", dir / "labels");
  EXPECT_EQ(dims(pair.x()), (std::vector<int64_t>{10, 1, 3, 2}));
  EXPECT_EQ(pair.x().dtype(), DType::u8);
  EXPECT_EQ(pair.y().dtype(), DType::i64);
  EXPECT_EQ(pair.y().to_vector<int>(), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(IdxPair, RefusesFilesThatDoNotFit) {
  const TempDir dir;
  write_bytes(dir / "images", idx_file({11, 3, 2}));
  write_bytes(dir / "labels10", idx_file({10}));
  write_bytes(dir / "labels11", idx_file({11}));
  expect_throw<IoError>([&] { load_idx_pair(dir / "images", dir / "labels10"); },
                        {dir / "images", "11 images in", "10 labels in", dir / "labels10"});
  expect_throw<IoError>([&] { load_idx_pair(dir / "images", dir / "labels11"); },
                        {dir / "labels11", "label 10 is 10, need 0 to 9"});
  EXPECT_EQ(load_idx_pair(dir / "images", dir / "labels11", 11).size(), 11);
  expect_throw<IoError>([&] { load_idx_pair(dir / "labels11", dir / "labels11"); },
                        {dir / "labels11", "need images [N, H, W], got [11]"});
  expect_throw<IoError>([&] { load_idx_pair(dir / "images", dir / "images"); },
                        {"need labels [N], got [11, 3, 2]"});
}

}  // namespace
}  // namespace dlengine::test
