// What this binary was built from and how.
#pragma once

#include <string>

namespace dynexec {

struct BuildInfo {
  std::string version;    // of the project
  std::string revision;   // git commit, "-dirty" appended for uncommitted changes; "unknown" outside a checkout
  std::string compiler;   // "GCC 12.2.0"
  std::string type;       // CMake build type
  std::string sanitizer;  // "address,undefined", "thread" or ""
  bool optimised = false;
};

const BuildInfo& build_info();

}  // namespace dynexec
