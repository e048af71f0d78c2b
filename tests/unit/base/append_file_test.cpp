#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "temp_folder.hpp"

using dynexec::AppendFile;
using dynexec::Error;
using dynexec::ErrorKind;
using namespace dynexec_test;

TEST_CASE("lines are appended across reopenings") {
  const TempFolder folder;
  const std::string path = folder.file("rows.csv");
  {
    AppendFile file(path);
    CHECK(file.size() == 0);
    file.append("a,b");
    file.append("");
    file.sync();
    CHECK(file.size() == 5);
  }
  AppendFile file(path);
  CHECK(file.torn_bytes() == 0);
  file.append("c");
  CHECK(read_text(path) == "a,b\n\nc\n");
  CHECK(file.size() == 7);
}

TEST_CASE("each line is in the file as soon as append returns") {
  const TempFolder folder;
  AppendFile file(folder.file("rows"));
  for (int i = 0; i < 5; ++i) {
    file.append("row");
    CHECK(read_text(folder.file("rows")).size() == file.size());
  }
}

TEST_CASE("a torn last line is cut off, wherever it was torn") {
  const TempFolder folder;
  const std::string whole = "header\nrow 1\n";
  for (const std::string& torn :
       {std::string("r"), std::string("row 2"), std::string(10000, 'x'), std::string("\0\0", 2)}) {
    const std::string path = folder.file("rows");
    write_text(path, whole + torn);
    AppendFile file(path);
    CHECK(file.torn_bytes() == torn.size());
    CHECK(file.size() == whole.size());
    file.append("row 2");
    CHECK(read_text(path) == whole + "row 2\n");
  }
}

TEST_CASE("a file of one torn line starts over") {
  const TempFolder folder;
  write_text(folder.file("rows"), std::string(9000, 'h'));
  AppendFile file(folder.file("rows"));
  CHECK(file.size() == 0);
  CHECK(file.torn_bytes() == 9000);
  file.append("header");
  CHECK(read_text(folder.file("rows")) == "header\n");
}

TEST_CASE("a line that is cut by the file system leaves no trace") {
  const TempFolder folder;
  const std::string path = folder.file("rows");
  AppendFile file(path);
  file.append("first line");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  // A limit in the middle of the second line: the kernel writes the first part of it and then refuses.
  const rlimit tight{16, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  std::optional<Error> error;
  try {
    file.append("second line");
  } catch (const Error& thrown) {
    error = thrown;
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  REQUIRE(error.has_value());
  CHECK(error->kind() == ErrorKind::io);
  CHECK(error->where() == path);
  CHECK(error->hint().find("ulimit -f") != std::string::npos);
  CHECK(read_text(path) == "first line\n");
  file.append("second line");  // once there is room again the same object goes on
  CHECK(read_text(path) == "first line\nsecond line\n");
}

TEST_CASE("a full disk gives the place and the remedy") {
  AppendFile file("/dev/full");
  const Error error = error_of<Error>([&] { file.append("row"); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(error.where() == "/dev/full");
  CHECK(error.message() == "cannot append to the file: No space left on device");
  CHECK(error.hint().find("free some space") != std::string::npos);
}

TEST_CASE("a writer that is killed loses nothing that append returned for") {
  const TempFolder folder;
  const std::string path = folder.file("rows");
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    AppendFile file(path);
    for (int i = 0; i < 1000; ++i) file.append("row " + std::to_string(i));
    if (::write(pipe_ends[1], "x", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char ready = 0;
  REQUIRE(::read(pipe_ends[0], &ready, 1) == 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
  const AppendFile file(path);  // the dead process's lock is gone with it
  CHECK(file.torn_bytes() == 0);
  const std::string text = read_text(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1000);
  CHECK(text.substr(text.size() - 8) == "row 999\n");
}

TEST_CASE("a second writer is refused until the first is gone") {
  const TempFolder folder;
  const std::string path = folder.file("rows");
  {
    AppendFile first(path);
    first.append("mine");
    const Error error = error_of<Error>([&] { AppendFile second(path); });
    CHECK(error.message() == "another process is writing to this file");
    CHECK_FALSE(error.hint().empty());
    AppendFile moved = std::move(first);  // the lock moves along
    CHECK_THROWS_AS(AppendFile{path}, Error);
    moved.append("still mine");
  }
  AppendFile second(path);
  second.append("theirs");
  CHECK(read_text(path) == "mine\nstill mine\ntheirs\n");
}

TEST_CASE("a line with a newline in it is a bug, not a record") {
  const TempFolder folder;
  AppendFile file(folder.file("rows"));
  CHECK(error_of<Error>([&] { file.append("a\nb"); }).kind() == ErrorKind::internal);
  CHECK(read_text(folder.file("rows")).empty());
}

TEST_CASE("a log that cannot be opened says why") {
  const TempFolder folder;
  CHECK(error_of<Error>([&] { AppendFile file(folder.path()); }).hint().find("folder") != std::string::npos);
  CHECK(error_of<Error>([&] { AppendFile file(folder.file("no/rows")); }).where() == folder.file("no/rows"));
}
