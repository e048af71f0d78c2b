#include "data/pretokenizer.hpp"

#include <string>

#include "data/bpe_bytes.hpp"
#include "data/tokenizer_metaspace.hpp"
#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

// GPT-2's words: contractions, letters, digits or other marks with one space before them, and runs of blanks.
constexpr const char* kGpt2Words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// Words and runs of other marks. Word characters are not quite those of \w in patterns.
#define DYNEXEC_WORD R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})"
constexpr const char* kWordsOrMarks = "[" DYNEXEC_WORD "]+|[^" DYNEXEC_WORD R"(\s]+)";
#undef DYNEXEC_WORD

class PatternSplit : public PreTokenizer {
 public:
  PatternSplit(TextPattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void split(const Piece& piece, TextArena&, std::vector<Piece>& out) const override {
    std::vector<TextRange> matches;
    pattern_.find_all(piece.text, matches);
    split_piece(piece, matches, invert_, behavior_, out);
  }

 private:
  TextPattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Splits at single characters of a kind.
class CharacterSplit : public PreTokenizer {
 public:
  using Kind = bool (*)(char32_t);
  CharacterSplit(Kind kind, SplitBehavior behavior) : kind_(kind), behavior_(behavior) {}

  void split(const Piece& piece, TextArena&, std::vector<Piece>& out) const override {
    std::vector<TextRange> matches;
    for (std::size_t at = 0; at < piece.text.size();) {
      const CodePoint c = decode_utf8(piece.text, at);
      if (kind_(c.value)) matches.push_back({at, at + c.bytes});
      at += c.bytes;
    }
    split_piece(piece, matches, false, behavior_, out);
  }

 private:
  Kind kind_;
  SplitBehavior behavior_;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex, const std::string& where)
      : add_prefix_space_(add_prefix_space), words_(kGpt2Words, where), use_regex_(use_regex) {}

  void split(const Piece& piece, TextArena& arena, std::vector<Piece>& out) const override {
    Piece whole = piece;
    if (add_prefix_space_ && !piece.text.empty() && piece.text.front() != ' ') {
      whole.text = arena.keep(std::string(" ").append(piece.text));
    }
    const std::size_t from = out.size();
    if (use_regex_) {
      std::vector<TextRange> matches;
      words_.find_all(whole.text, matches);
      split_piece(whole, matches, false, SplitBehavior::isolated, out);
    } else if (!whole.text.empty()) {
      out.push_back(whole);
    }
    map_bytes(arena, from, out);
  }

 private:
  // Rewrites the words from `from` on, all of them into one string.
  static void map_bytes(TextArena& arena, std::size_t from, std::vector<Piece>& out) {
    std::string mapped;
    std::vector<std::size_t> ends;
    for (std::size_t i = from; i < out.size(); ++i) {
      append_byte_characters(out[i].text, mapped);
      ends.push_back(mapped.size());
    }
    const std::string_view kept = arena.keep(std::move(mapped));
    std::size_t start = 0;
    for (std::size_t i = from; i < out.size(); ++i) {
      out[i].text = kept.substr(start, ends[i - from] - start);
      start = ends[i - from];
    }
  }

  bool add_prefix_space_;
  Regex words_;
  bool use_regex_;
};

class MetaspaceSplit : public PreTokenizer {
 public:
  explicit MetaspaceSplit(Metaspace settings)
      : settings_(std::move(settings)), mark_(TextPattern::literal(settings_.replacement)) {}

  void split(const Piece& piece, TextArena& arena, std::vector<Piece>& out) const override {
    if (piece.text.empty()) return;
    std::string text;
    text.reserve(piece.text.size() + piece.text.size() / 2);
    const bool wanted =
        settings_.scheme == PrependScheme::always || (settings_.scheme == PrependScheme::first && piece.at_start);
    if (wanted && piece.text.front() != ' ' && !piece.text.starts_with(settings_.replacement)) {
      text += settings_.replacement;
    }
    for (const char c : piece.text) {
      if (c == ' ') {
        text += settings_.replacement;
      } else {
        text += c;
      }
    }
    const Piece whole{arena.keep(std::move(text)), piece.at_start};
    if (!settings_.split) {
      out.push_back(whole);
      return;
    }
    std::vector<TextRange> matches;
    mark_.find_all(whole.text, matches);
    split_piece(whole, matches, false, SplitBehavior::merged_with_next, out);
  }

 private:
  Metaspace settings_;
  TextPattern mark_;
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<const PreTokenizer>> members)
      : members_(std::move(members)) {}

  void split(const Piece& piece, TextArena& arena, std::vector<Piece>& out) const override {
    std::vector<Piece> now{piece}, next;
    for (const auto& member : members_) {
      next.clear();
      for (const Piece& part : now) member->split(part, arena, next);
      now.swap(next);
    }
    out.insert(out.end(), now.begin(), now.end());
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> members_;
};

SplitBehavior read_behavior(const TokenizerPart& part, const std::string& fallback) {
  const std::string name = fallback.empty() ? part.text("behavior") : part.text_or("behavior", fallback);
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  part.fail("has an unknown behavior '" + name + "'");
}

std::unique_ptr<const PreTokenizer> sequence_of(std::vector<std::unique_ptr<const PreTokenizer>> members) {
  return std::make_unique<PreTokenizerSequence>(std::move(members));
}

std::unique_ptr<const PreTokenizer> bert_words() {
  std::vector<std::unique_ptr<const PreTokenizer>> members;
  members.push_back(std::make_unique<CharacterSplit>(&is_white_space, SplitBehavior::removed));
  members.push_back(std::make_unique<CharacterSplit>(&is_punctuation, SplitBehavior::isolated));
  return sequence_of(std::move(members));
}

}  // namespace

std::unique_ptr<const PreTokenizer> make_pretokenizer(const TokenizerPart& untyped) {
  const TokenizerPart part = untyped.typed();
  const std::string type = part.type();
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevel>(part.flag_or("add_prefix_space", true), part.flag_or("use_regex", true),
                                       part.where());
  }
  if (type == "Split") {
    return std::make_unique<PatternSplit>(part.pattern("pattern"), read_behavior(part, ""),
                                          part.flag_or("invert", false));
  }
  if (type == "Digits") {
    const bool single = part.flag_or("individual_digits", false);
    return std::make_unique<CharacterSplit>(&is_numeric, single ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type == "Punctuation") return std::make_unique<CharacterSplit>(&is_punctuation, read_behavior(part, "Isolated"));
  if (type == "WhitespaceSplit") return std::make_unique<CharacterSplit>(&is_white_space, SplitBehavior::removed);
  if (type == "Whitespace") {
    return std::make_unique<PatternSplit>(TextPattern::regex(kWordsOrMarks, part.where()), SplitBehavior::removed,
                                          true);
  }
  if (type == "CharDelimiterSplit") {
    const std::string delimiter = part.text("delimiter");
    if (delimiter.empty()) part.fail("has an empty 'delimiter'");
    return std::make_unique<PatternSplit>(TextPattern::literal(delimiter), SplitBehavior::removed, false);
  }
  if (type == "BertPreTokenizer") return bert_words();
  if (type == "Metaspace") return std::make_unique<MetaspaceSplit>(read_metaspace(part));
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const PreTokenizer>> members;
    for (const TokenizerPart& member : part.members("pretokenizers")) members.push_back(make_pretokenizer(member));
    return sequence_of(std::move(members));
  }
  part.unsupported();
}

}  // namespace dynexec
