// The cache and the mirrors, with file:// addresses in place of a network.
#include "dlengine/data/download.h"

#include <filesystem>

#include "dlengine/core/error.h"
#include "tests/support/compare.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHashOfHello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

class Download : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ / "mirror");
    write_bytes(dir_ / "mirror/good", "hello");
    write_bytes(dir_ / "mirror/other", "hellO");
    write_bytes(dir_ / "mirror/cut", "hell");
  }
  std::string url(const std::string& name) const { return "file://" + dir_ / ("mirror/" + name); }
  RemoteFile file(const std::vector<std::string>& names) const {
    RemoteFile remote{.name = "greeting", .sha256 = kHashOfHello, .urls = {}};
    for (const std::string& name : names) remote.urls.push_back(url(name));
    return remote;
  }
  size_t cached_files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(cache()), fs::directory_iterator()));
  }
  std::string cache() const { return dir_ / "cache/deep"; }

  TempDir dir_;
};

TEST_F(Download, FetchesIntoTheCacheOnce) {
  const std::string path = find_or_download(file({"good"}), cache());
  EXPECT_EQ(path, cache() + "/greeting");
  EXPECT_EQ(read_bytes(path), "hello");
  EXPECT_EQ(cached_files(), 1u);
  fs::remove_all(dir_ / "mirror");
  EXPECT_EQ(find_or_download(file({"good"}), cache()), path);
  EXPECT_EQ(find_or_download(file({}), cache()), path);
}

TEST_F(Download, TriesTheMirrorsInOrder) {
  EXPECT_EQ(read_bytes(find_or_download(file({"missing", "cut", "other", "good"}), cache())), "hello");
  EXPECT_EQ(cached_files(), 1u);
}

TEST_F(Download, ListsAllThatWasTriedAndWhereToPutTheFile) {
  expect_throw<IoError>(
      [&] {
        find_or_download(file({"missing", "other", "cut"}), cache());
      },
      {"cannot get greeting", url("missing") + ": ", url("other") + ": 5 bytes with SHA-256 ",
       url("cut") + ": 4 bytes with SHA-256", kHashOfHello, "put the file into " + cache()});
  EXPECT_EQ(cached_files(), 0u);
  expect_throw<IoError>([&] { find_or_download(file({}), cache()); }, {cache() + "/greeting: not there"});
}

TEST_F(Download, ReplacesADamagedFileOfTheCache) {
  fs::create_directories(cache());
  write_bytes(cache() + "/greeting", "damaged");
  EXPECT_EQ(read_bytes(find_or_download(file({"good"}), cache())), "hello");
}

TEST_F(Download, KeepsADamagedFileIfThereIsNoBetterOne) {
  fs::create_directories(cache());
  write_bytes(cache() + "/greeting", "damaged");
  expect_throw<IoError>([&] { find_or_download(file({"other"}), cache()); },
                        {cache() + "/greeting: SHA-256 is", "need", url("other")});
  EXPECT_EQ(read_bytes(cache() + "/greeting"), "damaged");
  EXPECT_EQ(cached_files(), 1u);
}

TEST_F(Download, SaysThatTheCacheCannotBeWritten) {
  write_bytes(dir_ / "file", "");
  expect_throw<IoError>([&] { find_or_download(file({"good"}), dir_ / "file/cache"); },
                        {"cannot make the cache folder", dir_ / "file/cache"});
  fs::create_directories(dir_ / "locked");
  fs::permissions(dir_.path(), fs::perms(0755));
  fs::permissions(dir_ / "locked", fs::perms(0555));
  const NotRoot user;
  expect_throw<IoError>([&] { find_or_download(file({"good"}), dir_ / "locked"); },
                        {"cannot write", dir_ / "locked/greeting", "Permission denied"});
}

TEST_F(Download, FullDiskLeavesNothingBehind) {
  expect_throw<IoError>(
      [&] {
        const FullDisk full(3);
        find_or_download(file({"good"}), cache());
      },
      {"cannot write", cache() + "/greeting", "File too large"});
  EXPECT_EQ(cached_files(), 0u);
}

TEST_F(Download, TakesNoOtherProtocols) {
  RemoteFile remote = file({});
  remote.urls = {"ftp://127.0.0.1/greeting", "http://127.0.0.1:1/greeting", "nonsense"};
  expect_throw<IoError>([&] { find_or_download(remote, cache()); },
                        {"ftp://127.0.0.1/greeting: Protocol \"ftp\"",
                         "http://127.0.0.1:1/greeting: Failed to connect", "nonsense: "});
}

TEST_F(Download, HashesFiles) {
  EXPECT_EQ(sha256_of_file(dir_ / "mirror/good"), kHashOfHello);
  write_bytes(dir_ / "empty", "");
  EXPECT_EQ(sha256_of_file(dir_ / "empty"),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  write_bytes(dir_ / "million", std::string(1'000'000, 'a'));  // test vector of FIPS 180
  EXPECT_EQ(sha256_of_file(dir_ / "million"),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  expect_throw<IoError>([&] { sha256_of_file(dir_ / "none"); }, {"cannot open", dir_ / "none"});
  expect_throw<IoError>([&] { sha256_of_file(dir_.path()); }, {"cannot read", dir_.path()});
}

TEST(CacheDir, ComesFromTheEnvironment) {
  const ScopedEnvironment own("DLENGINE_CACHE_DIR", "/own"), xdg("XDG_CACHE_HOME", "/xdg"),
      home("HOME", "/home/me");
  EXPECT_EQ(default_cache_dir(), "/own");
  const ScopedEnvironment no_own("DLENGINE_CACHE_DIR", "");
  EXPECT_EQ(default_cache_dir(), "/xdg/dlengine");
  const ScopedEnvironment no_xdg("XDG_CACHE_HOME", nullptr);
  EXPECT_EQ(default_cache_dir(), "/home/me/.cache/dlengine");
  const ScopedEnvironment no_home("HOME", nullptr);
  expect_throw<IoError>([] { default_cache_dir(); }, {"set DLENGINE_CACHE_DIR"});
}

}  // namespace
}  // namespace dlengine::test
