// tar archives, good and damaged.
#include "dlengine/data/tar.h"

#include <sys/resource.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/error.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

constexpr uint64_t kMost = 1000;  // bytes of a file

using Files = std::vector<std::pair<std::string, std::string>>;

/// Names and contents, read from a file with these bytes.
Files read_all(const std::string& bytes) {
  const TempDir dir;
  write_bytes(dir / "archive", bytes);
  TarReader reader(dir / "archive");
  Files files;
  while (reader.next()) {
    const std::vector<uint8_t> content = reader.read(kMost);
    files.emplace_back(reader.name(), std::string(content.begin(), content.end()));
  }
  return files;
}

std::string archive() {
  const std::string large(1000, 'x');
  return tar_entry("folder/", "", '5') + tar_entry("folder/a.bin", "abc") + tar_entry("empty", "") +
         tar_entry("folder/block", std::string(512, 'b')) + tar_entry("link", "", '2') +
         tar_entry("old", large, '\0') + tar_end();
}

TEST(Tar, ReadsFilesAndPassesOverAllElse) {
  const Files want = {
      {"a.bin", "abc"}, {"empty", ""}, {"block", std::string(512, 'b')}, {"old", std::string(1000, 'x')}};
  EXPECT_EQ(read_all(archive()), want);
  EXPECT_EQ(read_all(gzip(archive())), want);
  EXPECT_EQ(read_all(archive() + std::string(8192, '\0')), want);
  EXPECT_TRUE(read_all(tar_end()).empty());
}

TEST(Tar, AFileNeedNotBeRead) {
  const TempDir dir;
  write_bytes(dir / "archive", archive());
  TarReader reader(dir / "archive");
  while (reader.next() && reader.name() != "old") continue;
  EXPECT_EQ(reader.read(kMost).size(), 1000u);
}

TEST(Tar, EveryTruncationIsRefused) {
  const std::string good = archive(), packed = gzip(good);
  for (size_t length = 0; length <= good.size() - 1024; length += 100) {
    SCOPED_TRACE(length);
    EXPECT_THROW(read_all(good.substr(0, length)), IoError);
  }
  for (size_t length = 0; length < packed.size(); ++length) {
    SCOPED_TRACE(length);
    EXPECT_THROW(read_all(packed.substr(0, length)), IoError);
  }
}

TEST(Tar, EveryByteOfAHeaderIsChecked) {
  const std::string good = archive();
  for (size_t byte = 512; byte < 1024; ++byte) {
    if (byte >= 512 + 154 && byte < 512 + 156) continue;  // behind the digits of the sum
    SCOPED_TRACE(byte);
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ 0x11);
    EXPECT_THROW(read_all(bad), IoError);
  }
}

/// The most memory that this process has held so far.
int64_t largest_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

TEST(Tar, ASizeIsNotBelieved) {
  constexpr int64_t kClaimed = 1 << 30;
  std::string noise(1'200'000, '\0');  // so large that it might be the claimed size, packed
  std::mt19937 random(1);
  for (char& byte : noise) byte = static_cast<char>(random());
  const TempDir dir;
  write_bytes(dir / "archive", gzip(tar_header("huge", kClaimed) + noise));
  const int64_t before = largest_memory();
  TarReader skipping(dir / "archive");
  ASSERT_TRUE(skipping.next());
  expect_throw<IoError>([&] { skipping.next(); },
                        {"the file ends in its huge: need 1073741824 bytes, got 1200000"});
  TarReader reading(dir / "archive");
  ASSERT_TRUE(reading.next());
  expect_throw<IoError>([&] { reading.read(kMost); },
                        {"huge has 1073741824 bytes in the tar archive, need at most 1000"});
  EXPECT_LT(largest_memory() - before, kClaimed / 4);
}

TEST(Tar, DamageIsNamed) {
  for (const auto& [bytes, message] : std::vector<std::pair<std::string, const char*>>{
           {"", "the file ends in its tar header: need 512 bytes, got 0"},
           {std::string(512, 'x'), "the sum in a tar header is no octal number: \"xxxxxxxx\""},
           {tar_entry("a", "abc"), "the file ends in its tar header"},
           {tar_entry("a", "abc").substr(0, 600), "the tar archive is cut short in a"},
           {std::string("\1") + tar_entry("a", "abc").substr(1), "this is no tar archive, or a damaged one"},
           {gzip(archive()).substr(0, 100), "the gzip data are cut short"}}) {
    expect_throw<IoError>([&, &bytes = bytes] { read_all(bytes); }, {message});
  }
}

}  // namespace
}  // namespace dlengine::test
