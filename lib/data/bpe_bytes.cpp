#include "data/bpe_bytes.hpp"

#include <array>

#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

constexpr bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

struct Tables {
  std::array<std::string, 256> text;     // UTF-8 of each byte's character
  std::array<std::int16_t, 0x144> byte;  // by character
};

const Tables& tables() {
  static const Tables built = [] {
    Tables result;
    result.byte.fill(-1);
    char32_t next = 256;  // bytes without a printable character of their own take those from U+0100 on
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t character = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
      append_utf8(result.text[static_cast<std::size_t>(byte)], character);
      result.byte[character] = static_cast<std::int16_t>(byte);
    }
    return result;
  }();
  return built;
}

}  // namespace

void append_byte_characters(std::string_view bytes, std::string& out) {
  const Tables& table = tables();
  for (const char c : bytes) out += table.text[static_cast<unsigned char>(c)];
}

int byte_of_character(char32_t character) {
  const Tables& table = tables();
  return character < table.byte.size() ? table.byte[character] : -1;
}

}  // namespace dynexec
