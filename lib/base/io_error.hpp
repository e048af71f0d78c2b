// Turns errno into an Error(io) with a remedy.
#pragma once

#include <string>

namespace dynexec {

// `action` as in "cannot write". `code` is an errno value; `path` becomes the error's place.
[[noreturn]] void throw_io_error(const std::string& action, const std::string& path, int code);

}  // namespace dynexec
