#include "base/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/io_error.hpp"

namespace dynexec {
namespace {

// Unique among processes and threads; hidden, so that a glob over results does not pick it up.
std::string sibling_name(const std::string& path) {
  static std::atomic<unsigned> serial{0};
  const std::filesystem::path target(path);
  const std::string name = fmt::format(".{}.{}-{}.tmp", target.filename().string(), ::getpid(), serial++);
  return (target.parent_path() / name).string();
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string follow_link(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
  std::error_code failed;
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : target.string();
}

void sync_folder(const std::string& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some network file systems cannot open or sync a folder: the rename has happened all the same.
  if (opened.get() >= 0) ::fsync(opened.get());
}

void write_in_place(const std::string& path, std::string_view content) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) throw_io_error("cannot open the file for writing", path, errno);
  if (write_all(file.get(), content) != content.size()) throw_io_error("cannot write", path, errno);
}

void write_sibling(const std::string& temporary, const std::string& path, std::string_view content,
                   const struct stat* existing) {
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) throw_io_error("cannot create the file", path, errno);
  int failure = 0;
  if (write_all(file.get(), content) != content.size()) failure = errno;
  // A file system that has no permissions still stores the content.
  if (failure == 0 && existing != nullptr) static_cast<void>(::fchmod(file.get(), existing->st_mode & 07777));
  if (failure == 0 && ::fsync(file.get()) != 0) failure = errno;
  if (failure == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) failure = errno;
  if (failure != 0) {
    ::unlink(temporary.c_str());
    throw_io_error("cannot write the file", path, failure);
  }
}

}  // namespace

void require_writable_folder(const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw_io_error("cannot create the folder", folder, failed.value());
  const std::string probe = sibling_name((std::filesystem::path(folder) / "probe").string());
  const Descriptor file(::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) throw_io_error("cannot write to the folder", folder, errno);
  const bool written = write_all(file.get(), "probe\n") == 6 && ::fsync(file.get()) == 0;
  const int failure = errno;
  ::unlink(probe.c_str());
  if (!written) throw_io_error("cannot write to the folder", folder, failure);
}

void write_file_atomically(const std::string& path, std::string_view content) {
  const std::string target = follow_link(path);
  struct stat status {};
  const bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) throw_io_error("cannot write the file", path, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {
    write_in_place(target, content);
    return;
  }
  write_sibling(sibling_name(target), target, content, exists ? &status : nullptr);
  sync_folder(folder_of(target));
}

std::string read_file(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw_io_error("cannot open the file", path, errno);
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io_error("cannot read the file", path, errno);
    if (got == 0) return content;
    if (static_cast<std::size_t>(got) > limit - content.size()) {
      throw Error(ErrorKind::io, fmt::format("the file holds more than {} bytes", limit), path,
                  "check that this is the file you meant");
    }
    content.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace dynexec
