// Versions of the libraries that the engine runs on.
#pragma once

#include <map>
#include <string>

namespace dynexec::cli {

// "libtorch": "2.13.0", ...
std::map<std::string, std::string> library_versions();

}  // namespace dynexec::cli
