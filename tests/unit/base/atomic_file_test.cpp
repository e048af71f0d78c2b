#include "base/atomic_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "temp_folder.hpp"

using dynexec::Error;
using dynexec::ErrorKind;
using namespace dynexec_test;

TEST_CASE("a file is written as a whole and leaves no sibling") {
  const TempFolder folder;
  const std::string path = folder.file("a.csv");
  dynexec::write_file_atomically(path, "one\n");
  CHECK(read_text(path) == "one\n");
  dynexec::write_file_atomically(path, std::string(3 << 20, 'x'));
  CHECK(std::filesystem::file_size(path) == 3 << 20);
  dynexec::write_file_atomically(path, "");
  CHECK(read_text(path).empty());
  CHECK(folder.entries() == 1);
}

TEST_CASE("a reader that holds the old file keeps it") {
  const TempFolder folder;
  const std::string path = folder.file("a");
  dynexec::write_file_atomically(path, "old");
  std::ifstream reader(path);
  dynexec::write_file_atomically(path, "new");
  std::string seen;
  reader >> seen;
  CHECK(seen == "old");
  CHECK(read_text(path) == "new");
}

TEST_CASE("permissions and symbolic links survive a rewrite") {
  const TempFolder folder;
  const std::string real = folder.file("real"), link = folder.file("link");
  write_text(real, "old");
  std::filesystem::permissions(real, std::filesystem::perms(0640));
  std::filesystem::create_symlink("real", link);
  dynexec::write_file_atomically(link, "new");
  CHECK(std::filesystem::is_symlink(link));
  CHECK(read_text(real) == "new");
  CHECK(std::filesystem::status(real).permissions() == std::filesystem::perms(0640));
}

TEST_CASE("what is not a regular file is written to, not replaced") {
  dynexec::write_file_atomically("/dev/null", "gone");
  CHECK(std::filesystem::is_character_file("/dev/null"));
  const Error error = error_of<Error>([] { dynexec::write_file_atomically("/dev/full", "x"); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(error.where() == "/dev/full");
  CHECK(error.message().find("No space left") != std::string::npos);
  CHECK(error.hint().find("free some space") != std::string::npos);
}

TEST_CASE("a place that cannot be written gives one clear error and keeps the old content") {
  const TempFolder folder;
  write_text(folder.file("file"), "old");
  const Error below = error_of<Error>([&] { dynexec::write_file_atomically(folder.file("file/x"), "new"); });
  CHECK(below.kind() == ErrorKind::io);
  CHECK(below.where() == folder.file("file/x"));
  CHECK(below.hint().find("is a file, not a folder") != std::string::npos);
  const Error absent = error_of<Error>([&] { dynexec::write_file_atomically(folder.file("no/x"), "new"); });
  CHECK(absent.hint().find("folder must exist") != std::string::npos);
  const Error over = error_of<Error>([&] { dynexec::write_file_atomically(folder.path(), "new"); });
  CHECK(over.message().find("directory") != std::string::npos);
  CHECK(read_text(folder.file("file")) == "old");
}

TEST_CASE("an output folder is created, or refused before the run") {
  const TempFolder folder;
  dynexec::require_writable_folder(folder.file("a/b/c"));
  CHECK(std::filesystem::is_directory(folder.file("a/b/c")));
  CHECK(std::filesystem::is_empty(folder.file("a/b/c")));
  write_text(folder.file("file"), "");
  const Error error = error_of<Error>([&] { dynexec::require_writable_folder(folder.file("file/sub")); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK_FALSE(error.hint().empty());
  CHECK_THROWS_AS(dynexec::require_writable_folder("/proc/dynexec"), Error);
  if (::geteuid() != 0) {  // root writes anywhere
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0500));
    const Error denied = error_of<Error>([&] { dynexec::require_writable_folder(folder.file("a/b")); });
    CHECK(denied.hint().find("permissions") != std::string::npos);
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0700));
  }
}

TEST_CASE("read_file reads everything up to its limit") {
  const TempFolder folder;
  const std::string path = folder.file("a");
  const std::string text = std::string(200000, 'x') + std::string("\0\n", 2);
  write_text(path, text);
  CHECK(dynexec::read_file(path) == text);
  CHECK(dynexec::read_file(path, text.size()) == text);
  const Error large = error_of<Error>([&] { dynexec::read_file(path, text.size() - 1); });
  CHECK(large.message() == "the file holds more than 200001 bytes");
  CHECK(error_of<Error>([] { dynexec::read_file("/dev/zero", 1000); }).kind() == ErrorKind::io);
  CHECK(error_of<Error>([&] { dynexec::read_file(folder.path()); }).hint().find("folder") != std::string::npos);
  CHECK(error_of<Error>([&] { dynexec::read_file(folder.file("no")); }).where() == folder.file("no"));
}
