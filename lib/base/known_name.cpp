#include "base/known_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"

namespace dynexec {

void require_known_name(const std::string& name, std::span<const std::string> known, const std::string& refusal,
                        const std::string& where) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  const std::string nearest = nearest_name(name, known);
  throw Error(ErrorKind::usage, refusal, where,
              nearest.empty() ? fmt::format("choose from {}", fmt::join(known, ", "))
                              : fmt::format("did you mean {}?", nearest));
}

}  // namespace dynexec
