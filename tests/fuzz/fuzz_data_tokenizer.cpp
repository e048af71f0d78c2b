// A tokenizer.json and a text, separated by a NUL: refused with an Error, or ids lie in the vocabulary and
// decode to UTF-8.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "data/tokenizer.hpp"
#include "data/tokenizer_unicode.hpp"
#include "weights/json_reader.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void use(const dynexec::Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    const std::vector<std::int32_t> ids = tokenizer.encode(text, special);
    for (const std::int32_t id : ids) check(id >= 0 && id < tokenizer.vocab_size());
    check(dynexec::is_valid_utf8(tokenizer.decode(ids, special)));
    check(ids == tokenizer.encode(text, special));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  const std::string_view text = cut == std::string_view::npos ? "It's 12 x\u00e9" : input.substr(cut + 1);
  try {
    use(*dynexec::Tokenizer::parse(dynexec::parse_json_object(input.substr(0, cut), "fuzz"), "fuzz"), text);
  } catch (const dynexec::Error& error) {
    check(error.kind() == dynexec::ErrorKind::model || error.kind() == dynexec::ErrorKind::data);
  }
  return 0;
}
