// Unicode property names of regular expressions.
#pragma once

#include <string>
#include <string_view>

namespace dynexec {

// The PCRE2 item for \p{name} (\P{name} when negated): general categories by short and long name, binary
// properties and scripts. "" when no item of PCRE2 means the same. A script is Script, not Script_Extensions.
std::string translate_property(std::string_view name, bool negated);

}  // namespace dynexec
