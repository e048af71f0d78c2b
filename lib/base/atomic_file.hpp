// Files that a crash, a kill or a full disk cannot leave half-written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/descriptor.hpp"

namespace dynexec {

// Creates the folder and its parents and proves by writing and removing a file that it can be written to, so
// that a long run fails before it starts. Throws Error(io).
void require_writable_folder(const std::string& folder);

// Replaces the file as a whole: temporary sibling, fsync, rename, fsync of the folder. A reader sees the old
// content or the new, never a mixture. A symbolic link is followed, an existing file's permissions are kept,
// and something that is not a regular file (/dev/stdout) is written to directly. Throws Error(io); the old
// content then stays.
void write_file_atomically(const std::string& path, std::string_view content);

// The file's bytes. Throws Error(io) when it cannot be read, is a folder or holds more than `limit` bytes.
std::string read_file(const std::string& path, std::size_t limit = static_cast<std::size_t>(-1));

// A log of lines, each either wholly in the file or not at all. One writer: a second process that opens the
// same file gets Error(io).
class AppendFile {
 public:
  // Opens or creates. A last line without its newline is what a killed writer left: it is cut off.
  explicit AppendFile(std::string path);

  // Appends `line` and a newline with one write(). `line` itself must hold no newline, else a torn record
  // could look complete. After Error(io) (disk full) all earlier lines are still there and the file ends at
  // the last of them.
  void append(std::string_view line);
  // Returns once everything appended so far is on the medium.
  void sync();

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }              // bytes, all of them in complete lines
  std::uint64_t torn_bytes() const { return torn_bytes_; }  // cut off when the file was opened

 private:
  std::string path_;
  Descriptor file_{-1};
  bool regular_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t torn_bytes_ = 0;
};

}  // namespace dynexec
