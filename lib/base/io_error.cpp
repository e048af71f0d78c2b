#include "base/io_error.hpp"

#include <cerrno>
#include <system_error>

#include "base/error.hpp"

namespace dynexec {
namespace {

const char* remedy(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "free some space on that file system (df -h) or choose a folder on another one; what was "
             "written "
             "before is kept";
    case EFBIG:
      return "raise the file size limit (ulimit -f) or choose another file system; what was written before "
             "is kept";
    case EACCES:
    case EPERM:
      return "change the permissions or owner of the path (ls -ld), or choose another one";
    case EROFS:
      return "choose a folder on a file system that is not mounted read-only";
    case ENOENT:
      return "check the spelling of the path; its folder must exist";
    case ENOTDIR:
      return "a part of the path is a file, not a folder: check the spelling";
    case EISDIR:
      return "the path names a folder: give the path of a file";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    case EIO:
      return "the storage reported a fault: check the disk or network mount (dmesg)";
    default:
      return "check the path and the file system that it lies on";
  }
}

}  // namespace

void throw_io_error(const std::string& action, const std::string& path, int code) {
  throw Error(ErrorKind::io, action + ": " + std::generic_category().message(code), path, remedy(code));
}

}  // namespace dynexec
