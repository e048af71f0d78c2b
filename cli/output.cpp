#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "cli/commands.hpp"

namespace dynexec::cli {

TableStyle stdout_style() {
  TableStyle style{.width = 0, .colour = false};
  if (isatty(STDOUT_FILENO) == 0) return style;
  winsize size{};
  style.width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  style.colour = (no_color == nullptr || *no_color == '\0') && (term == nullptr || std::strcmp(term, "dumb") != 0);
  return style;
}

void print(const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      throw Error(ErrorKind::io, std::string("cannot write the output: ") + std::strerror(errno), "stdout",
                  "free space, or send the output elsewhere");
    written += static_cast<std::size_t>(count);
  }
}

}  // namespace dynexec::cli
