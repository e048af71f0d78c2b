// Names that a user gives and that must be among those there are.
#pragma once

#include <span>
#include <string>

namespace dynexec {

// Error(usage) at `where` with the message `refusal`, and which name may have been meant, unless `name` is one of
// `known`.
void require_known_name(const std::string& name, std::span<const std::string> known, const std::string& refusal,
                        const std::string& where);

}  // namespace dynexec
