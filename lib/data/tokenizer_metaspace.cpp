#include "data/tokenizer_metaspace.hpp"

#include "data/tokenizer_unicode.hpp"

namespace dynexec {

Metaspace read_metaspace(const TokenizerPart& part) {
  Metaspace result;
  result.replacement = part.text_or("replacement", "\xe2\x96\x81");
  if (result.replacement.empty() || decode_utf8(result.replacement, 0).bytes != result.replacement.size()) {
    part.fail("has a 'replacement' that is not one character");
  }
  const std::string scheme = part.text_or("prepend_scheme", "always");
  if (scheme == "first") {
    result.scheme = PrependScheme::first;
  } else if (scheme == "never") {
    result.scheme = PrependScheme::never;
  } else if (scheme != "always") {
    part.fail("has an unknown prepend_scheme '" + scheme + "'");
  }
  if (!part.flag_or("add_prefix_space", true)) {
    if (part.has("prepend_scheme") && result.scheme != PrependScheme::never) {
      part.fail("has add_prefix_space false beside another prepend_scheme");
    }
    result.scheme = PrependScheme::never;
  }
  result.split = part.flag_or("split", true);
  return result;
}

}  // namespace dynexec
