#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/atomic_file.hpp"
#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/io_error.hpp"

namespace dynexec {
namespace {

bool locked_by_another(int descriptor) {
  // Where the file system knows no locks the other errno values say so, and the file is used without one.
  return ::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// Offset just behind the last newline, 0 when there is none.
std::uint64_t end_of_last_line(int descriptor, std::uint64_t size, const std::string& path) {
  char buffer[4096];
  for (std::uint64_t end = size; end > 0;) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(end, sizeof buffer));
    const std::uint64_t start = end - want;
    std::size_t have = 0;
    while (have < want) {
      const ssize_t got = ::pread(descriptor, buffer + have, want - have, static_cast<off_t>(start + have));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) throw_io_error("cannot read back the end of the file", path, got < 0 ? errno : EIO);
      have += static_cast<std::size_t>(got);
    }
    for (std::size_t i = want; i > 0; --i) {
      if (buffer[i - 1] == '\n') return start + i;
    }
    end = start;
  }
  return 0;
}

}  // namespace

AppendFile::AppendFile(std::string path) : path_(std::move(path)) {
  file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file_.get() < 0) throw_io_error("cannot open the file for appending", path_, errno);
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) throw_io_error("cannot inspect the file", path_, errno);
  regular_ = S_ISREG(status.st_mode);
  if (!regular_) return;
  if (locked_by_another(file_.get())) {
    throw Error(ErrorKind::io, "another process is writing to this file", path_,
                "wait until that run has ended or stop it, or choose another output folder");
  }
  // Again, now that the lock is held: the previous owner may just have added a line.
  if (::fstat(file_.get(), &status) != 0) throw_io_error("cannot inspect the file", path_, errno);
  const auto found = static_cast<std::uint64_t>(status.st_size);
  size_ = end_of_last_line(file_.get(), found, path_);
  torn_bytes_ = found - size_;
  if (torn_bytes_ != 0 && ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
    throw_io_error("cannot cut off a torn last line", path_, errno);
  }
}

void AppendFile::append(std::string_view line) {
  if (line.find('\n') != std::string_view::npos) {
    throw Error(ErrorKind::internal, "a line to append holds a newline", path_, "");
  }
  std::string record(line);
  record += '\n';
  if (write_all(file_.get(), record) != record.size()) {
    const int failure = errno;
    // Truncating works on a full disk too. Should it fail, the next opening cuts the torn line off.
    if (regular_) static_cast<void>(!::ftruncate(file_.get(), static_cast<off_t>(size_)));
    throw_io_error("cannot append to the file", path_, failure);
  }
  size_ += record.size();
}

void AppendFile::sync() {
  if (regular_ && ::fdatasync(file_.get()) != 0) throw_io_error("cannot flush the file to disk", path_, errno);
}

}  // namespace dynexec
