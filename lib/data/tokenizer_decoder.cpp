#include "data/tokenizer_decoder.hpp"

#include <algorithm>
#include <optional>

#include "data/bpe_bytes.hpp"
#include "data/tokenizer_metaspace.hpp"
#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

class ByteLevelDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) append_bytes(token, bytes);
    tokens.assign(1, is_valid_utf8(bytes) ? std::move(bytes) : replace_invalid_utf8(bytes));
  }

 private:
  // A token with any other character (an added token) stands for itself.
  static void append_bytes(const std::string& token, std::string& out) {
    const std::size_t before = out.size();
    for (std::size_t at = 0; at < token.size();) {
      const CodePoint c = decode_utf8(token, at);
      const int byte = byte_of_character(c.value);
      if (byte < 0) {
        out.resize(before);
        out += token;
        return;
      }
      out += static_cast<char>(static_cast<unsigned char>(byte));
      at += c.bytes;
    }
  }
};

class ReplaceDecoder : public TokenDecoder {
 public:
  ReplaceDecoder(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) token = pattern_.replace(token, content_);
  }

 private:
  TextPattern pattern_;
  std::string content_;
};

// Runs of <0xHH> become characters; a run that is no UTF-8 becomes one U+FFFD a byte.
class ByteFallbackDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> result;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (is_valid_utf8(bytes)) {
        result.push_back(bytes);
      } else {
        result.insert(result.end(), bytes.size(), "\xef\xbf\xbd");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const std::optional<char> byte = byte_of(token)) {
        bytes += *byte;
      } else {
        flush();
        result.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(result);
  }

 private:
  static std::optional<char> byte_of(const std::string& token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
    int value = 0;
    for (const char c : {token[3], token[4]}) {
      const bool digit = c >= '0' && c <= '9';
      const char lower = static_cast<char>(c | 0x20);
      if (!digit && (lower < 'a' || lower > 'f')) return std::nullopt;
      value = 16 * value + (digit ? c - '0' : lower - 'a' + 10);
    }
    return static_cast<char>(static_cast<unsigned char>(value));
  }
};

class FuseDecoder : public TokenDecoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, std::move(all));
  }
};

// Takes up to `start` leading and `stop` trailing occurrences of a character from every token.
class StripDecoder : public TokenDecoder {
 public:
  StripDecoder(std::string content, std::size_t start, std::size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::size_t begin = 0, end = token.size();
      for (std::size_t i = 0; i < start_ && std::string_view(token).substr(begin).starts_with(content_); ++i) {
        begin += content_.size();
      }
      for (std::size_t i = 0; i < stop_ && std::string_view(token).substr(begin, end - begin).ends_with(content_);
           ++i) {
        end -= content_.size();
      }
      token = token.substr(begin, end - begin);
    }
  }

 private:
  std::string content_;
  std::size_t start_, stop_;
};

class MetaspaceDecoder : public TokenDecoder {
 public:
  explicit MetaspaceDecoder(Metaspace settings)
      : mark_(TextPattern::literal(settings.replacement)), drop_first_(settings.scheme != PrependScheme::never) {}

  void apply(std::vector<std::string>& tokens) const override {
    bool first = true;
    for (std::string& token : tokens) {
      token = mark_.replace(token, first && drop_first_ ? "" : " ");
      first = false;
    }
  }

 private:
  TextPattern mark_;
  bool drop_first_;
};

// Older BPE: a suffix marks the end of a word.
class SuffixDecoder : public TokenDecoder {
 public:
  explicit SuffixDecoder(std::string suffix) : suffix_(TextPattern::literal(std::move(suffix))) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = suffix_.replace(tokens[i], i + 1 == tokens.size() ? "" : " ");
    }
  }

 private:
  TextPattern suffix_;
};

// WordPiece: the prefix marks a token that continues a word.
class WordPieceDecoder : public TokenDecoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {
    // Blanks that no writer sets, token by token as the reference library does it.
    for (const auto& [from, to] : kTidied) tidied_.emplace_back(TextPattern::literal(from), to);
  }

  void apply(std::vector<std::string>& tokens) const override {
    bool first = true;
    for (std::string& token : tokens) {
      if (!first) token = token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
      first = false;
      if (!cleanup_) continue;
      for (const auto& [from, to] : tidied_) token = from.replace(token, to);
    }
  }

 private:
  static constexpr std::pair<const char*, const char*> kTidied[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  std::string prefix_;
  bool cleanup_;
  std::vector<std::pair<TextPattern, std::string>> tidied_;
};

class DecoderSequence : public TokenDecoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<const TokenDecoder>> members) : members_(std::move(members)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (const auto& member : members_) member->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<const TokenDecoder>> members_;
};

std::string one_character(const TokenizerPart& part, const char* key) {
  const std::string text = part.text(key);
  if (text.empty() || decode_utf8(text, 0).bytes != text.size())
    part.fail("has a '" + std::string(key) + "' that is not one character");
  return text;
}

}  // namespace

std::unique_ptr<const TokenDecoder> make_token_decoder(const TokenizerPart& untyped) {
  const TokenizerPart part = untyped.typed();
  const std::string type = part.type();
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "Replace") return std::make_unique<ReplaceDecoder>(part.pattern("pattern"), part.text("content"));
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Metaspace") return std::make_unique<MetaspaceDecoder>(read_metaspace(part));
  if (type == "Strip") {
    return std::make_unique<StripDecoder>(one_character(part, "content"), static_cast<std::size_t>(part.count("start")),
                                          static_cast<std::size_t>(part.count("stop")));
  }
  if (type == "BPEDecoder") {
    const std::string suffix = part.text_or("suffix", "</w>");
    if (suffix.empty()) part.fail("has an empty 'suffix'");
    return std::make_unique<SuffixDecoder>(suffix);
  }
  if (type == "WordPiece") {
    const std::string prefix = part.text_or("prefix", "##");
    if (prefix.empty()) part.fail("has an empty 'prefix'");
    return std::make_unique<WordPieceDecoder>(prefix, part.flag_or("cleanup", true));
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const TokenDecoder>> members;
    for (const TokenizerPart& member : part.members("decoders")) members.push_back(make_token_decoder(member));
    return std::make_unique<DecoderSequence>(std::move(members));
  }
  part.unsupported();
}

}  // namespace dynexec
