#include "data/normalizer.hpp"

#include <utf8proc.h>

#include <cstdlib>
#include <vector>

#include "base/error.hpp"
#include "data/bpe_bytes.hpp"
#include "data/tokenizer_unicode.hpp"
#include "data/tokenizer_unicode_late.hpp"

namespace dynexec {
namespace {

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(std::string& text, bool&) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(TextPattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::string& text, bool& at_start) const override {
    if (content_.empty() && pattern_.matches_start(text)) at_start = false;
    text = pattern_.replace(text, content_);
  }

 private:
  TextPattern pattern_;
  std::string content_;
};

class NormalForm : public Normalizer {
 public:
  NormalForm(bool compose, bool compatibility)
      : options_(static_cast<utf8proc_option_t>(UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                                                (compatibility ? UTF8PROC_COMPAT : 0))) {}

  void apply(std::string& text, bool&) const override {
    if (is_ascii(text)) return;  // every form leaves ASCII as it is
    std::string result;
    result.reserve(text.size());
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      if (is_late_for_normal_forms(c.value)) {  // neither composes nor moves: what is around it normalises on its own
        append_form(std::string_view(text).substr(done, at - done), result);
        result.append(text, at, c.bytes);
        done = at + c.bytes;
      }
      at += c.bytes;
    }
    append_form(std::string_view(text).substr(done), result);
    text = std::move(result);
  }

 private:
  void append_form(std::string_view text, std::string& out) const {
    if (text.empty()) return;
    utf8proc_uint8_t* mapped = nullptr;
    const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                               static_cast<utf8proc_ssize_t>(text.size()), &mapped, options_);
    if (size < 0) {
      throw Error(ErrorKind::data, std::string("the text cannot be normalised: ") + utf8proc_errmsg(size), "tokenizer",
                  "shorten the text");
    }
    out.append(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
    std::free(mapped);
  }

  static bool is_ascii(const std::string& text) {
    unsigned char bits = 0;
    for (const char c : text) bits = static_cast<unsigned char>(bits | static_cast<unsigned char>(c));
    return bits < 0x80;
  }
  utf8proc_option_t options_;
};

// Each character on its own, without the final-sigma rule.
class Lowercase : public Normalizer {
 public:
  void apply(std::string& text, bool&) const override {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      at += c.bytes;
      if (c.value == 0x130) {  // the one character whose lower case is two
        result += "i\xcc\x87";
      } else {
        append_utf8(result, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value))));
      }
    }
    text = std::move(result);
  }
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(std::string& text, bool& at_start) const override {
    while (right_ && !text.empty()) {
      const CodePoint last = decode_utf8_before(text, text.size());
      if (!is_white_space(last.value)) break;
      text.resize(text.size() - last.bytes);
    }
    std::size_t blank = 0;
    while (left_ && blank < text.size()) {
      const CodePoint first = decode_utf8(text, blank);
      if (!is_white_space(first.value)) break;
      blank += first.bytes;
    }
    if (blank > 0) at_start = false;
    text.erase(0, blank);
  }

 private:
  bool left_, right_;
};

class StripAccents : public Normalizer {
 public:
  void apply(std::string& text, bool& at_start) const override {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      if (!is_accent(c.value)) {
        result.append(text, at, c.bytes);
      } else if (at == 0) {
        at_start = false;
      }
      at += c.bytes;
    }
    text = std::move(result);
  }
};

// BERT's cleaning: no control characters, every blank a space.
class CleanText : public Normalizer {
 public:
  void apply(std::string& text, bool& at_start) const override {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      if (is_dropped(c.value)) {
        if (at == 0) at_start = false;
      } else if (is_white_space(c.value)) {
        result += ' ';
      } else {
        result.append(text, at, c.bytes);
      }
      at += c.bytes;
    }
    text = std::move(result);
  }

 private:
  static bool is_dropped(char32_t c) {
    if (c == 0xfffd) return true;
    if (c == '\t' || c == '\n' || c == '\r') return false;
    return is_control(c);
  }
};

// Spaces around ideographs, which BERT reads one by one.
class SpacedIdeographs : public Normalizer {
 public:
  void apply(std::string& text, bool&) const override {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      const bool apart = is_ideograph(c.value);
      if (apart) result += ' ';
      result.append(text, at, c.bytes);
      if (apart) result += ' ';
      at += c.bytes;
    }
    text = std::move(result);
  }

 private:
  // The blocks that the reference library tests.
  static bool is_ideograph(char32_t c) {
    constexpr char32_t kBlocks[][2] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
                                       {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
    for (const auto& [first, last] : kBlocks)
      if (c >= first && c <= last) return true;
    return false;
  }
};

class StripNonspacingMarks : public Normalizer {
 public:
  void apply(std::string& text, bool& at_start) const override {
    std::string result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      if (!is_nonspacing_mark(c.value)) {
        result.append(text, at, c.bytes);
      } else if (at == 0) {
        at_start = false;
      }
      at += c.bytes;
    }
    text = std::move(result);
  }
};

class BytesToCharacters : public Normalizer {
 public:
  void apply(std::string& text, bool&) const override {
    std::string mapped;
    append_byte_characters(text, mapped);
    text = std::move(mapped);
  }
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<const Normalizer>> members) : members_(std::move(members)) {}
  void apply(std::string& text, bool& at_start) const override {
    for (const auto& member : members_) member->apply(text, at_start);
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> members_;
};

std::unique_ptr<const Normalizer> bert_normalizer(const TokenizerPart& part) {
  const bool lower = part.flag_or("lowercase", true);
  std::vector<std::unique_ptr<const Normalizer>> members;
  if (part.flag_or("clean_text", true)) members.push_back(std::make_unique<CleanText>());
  if (part.flag_or("handle_chinese_chars", true)) members.push_back(std::make_unique<SpacedIdeographs>());
  if (part.flag_or("strip_accents", lower)) {
    members.push_back(std::make_unique<NormalForm>(false, false));
    members.push_back(std::make_unique<StripNonspacingMarks>());
  }
  if (lower) members.push_back(std::make_unique<Lowercase>());
  return std::make_unique<NormalizerSequence>(std::move(members));
}

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const TokenizerPart& untyped) {
  const TokenizerPart part = untyped.typed();
  const std::string type = part.type();
  if (type == "Prepend") return std::make_unique<Prepend>(part.text("prepend"));
  if (type == "Replace") return std::make_unique<Replace>(part.pattern("pattern"), part.text("content"));
  if (type == "NFC") return std::make_unique<NormalForm>(true, false);
  if (type == "NFD") return std::make_unique<NormalForm>(false, false);
  if (type == "NFKC") return std::make_unique<NormalForm>(true, true);
  if (type == "NFKD") return std::make_unique<NormalForm>(false, true);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Strip")
    return std::make_unique<Strip>(part.flag_or("strip_left", true), part.flag_or("strip_right", true));
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "ByteLevel") return std::make_unique<BytesToCharacters>();
  if (type == "BertNormalizer") return bert_normalizer(part);
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const Normalizer>> members;
    for (const TokenizerPart& member : part.members("normalizers")) members.push_back(make_normalizer(member));
    return std::make_unique<NormalizerSequence>(std::move(members));
  }
  part.unsupported();
}

}  // namespace dynexec
