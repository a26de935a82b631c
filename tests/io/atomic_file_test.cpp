// A file is replaced whole or not at all, whatever goes wrong.
#include "dlengine/core/io/atomic_file.h"

#include <filesystem>

#include "dlengine/core/error.h"
#include "tests/support/compare.h"
#include "tests/support/temp_dir.h"

namespace dlengine::test {
namespace {

namespace fs = std::filesystem;

void save(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

TEST(AtomicFile, CommitWritesAndReplaces) {
  const TempDir dir;
  save(dir / "a", "one");
  EXPECT_EQ(read_bytes(dir / "a"), "one");
  save(dir / "a", "two, which is longer");
  EXPECT_EQ(read_bytes(dir / "a"), "two, which is longer");
  save(dir / "a", "");
  EXPECT_EQ(read_bytes(dir / "a"), "");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST(AtomicFile, WorksWithANameWithoutAFolder) {
  const TempDir dir;
  const fs::path before = fs::current_path();
  fs::current_path(dir.path());
  save("plain", "text");
  fs::current_path(before);
  EXPECT_EQ(read_bytes(dir / "plain"), "text");
}

TEST(AtomicFile, WithoutCommitNothingHappened) {
  const TempDir dir;
  save(dir / "a", "earlier");
  {
    AtomicFile file(dir / "a");
    file.write("later", 5);
    EXPECT_EQ(read_bytes(dir / "a"), "earlier");
  }
  EXPECT_EQ(read_bytes(dir / "a"), "earlier");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST(AtomicFile, TwoWritersDoNotMix) {
  const TempDir dir;
  AtomicFile first(dir / "a"), second(dir / "a");
  first.write("first", 5);
  second.write("second", 6);
  first.commit();
  EXPECT_EQ(read_bytes(dir / "a"), "first");
  second.commit();
  EXPECT_EQ(read_bytes(dir / "a"), "second");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST(AtomicFile, FullDiskKeepsTheEarlierFile) {
  const TempDir dir;
  save(dir / "a", "earlier");
  expect_throw<IoError>(
      [&] {
        const FullDisk full(1000);
        save(dir / "a", std::string(5000, 'x'));
      },
      {"cannot write", dir / "a", "File too large"});
  EXPECT_EQ(read_bytes(dir / "a"), "earlier");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST(AtomicFile, NamesAFolderThatIsMissing) {
  const TempDir dir;
  expect_throw<IoError>([&] { AtomicFile(dir / "no/such/a"); },
                        {"cannot write", dir / "no/such/a", "No such file or directory"});
  expect_throw<IoError>([&] { AtomicFile(""); }, {"name is empty"});
}

TEST(AtomicFile, RefusesAFolderThatCannotBeWritten) {
  const TempDir dir;
  fs::create_directory(dir / "locked");
  fs::permissions(dir.path(), fs::perms(0755));
  fs::permissions(dir / "locked", fs::perms(0555));
  const NotRoot user;
  expect_throw<IoError>([&] { AtomicFile(dir / "locked/a"); }, {dir / "locked/a", "Permission denied"});
}

TEST(AtomicFile, RefusesAFileThatIsWriteProtected) {
  const TempDir dir;
  save(dir / "a", "earlier");
  fs::permissions(dir.path(), fs::perms(0777));
  fs::permissions(dir / "a", fs::perms(0444));
  {
    const NotRoot user;
    expect_throw<IoError>([&] { AtomicFile(dir / "a"); }, {dir / "a", "Permission denied"});
  }
  EXPECT_EQ(read_bytes(dir / "a"), "earlier");
}

TEST(AtomicFile, NeverReplacesAFolderOrADevice) {
  const TempDir dir;
  fs::create_directory(dir / "folder");
  expect_throw<IoError>([&] { AtomicFile(dir / "folder"); }, {dir / "folder", "not a regular file"});
  expect_throw<IoError>([&] { AtomicFile("/dev/null"); }, {"/dev/null", "not a regular file"});
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(AtomicFile, KeepsLinksAndPermissions) {
  const TempDir dir;
  save(dir / "target", "earlier");
  fs::permissions(dir / "target", fs::perms(0640));
  fs::create_symlink("target", dir / "link");
  save(dir / "link", "later");
  EXPECT_TRUE(fs::is_symlink(dir / "link"));
  EXPECT_EQ(read_bytes(dir / "target"), "later");
  EXPECT_EQ(fs::status(dir / "target").permissions(), fs::perms(0640));
}

}  // namespace
}  // namespace dlengine::test
