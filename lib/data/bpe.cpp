#include "data/bpe.hpp"

#include <fmt/format.h>

#include <array>
#include <mutex>

#include "base/error.hpp"
#include "data/bpe_cache.hpp"
#include "data/bpe_merges.hpp"
#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

// Symbols of a word are numbered with 32 bits.
constexpr std::size_t kMaxWordBytes = std::size_t{1} << 30;

class Bpe : public TokenizerModel {
 public:
  explicit Bpe(const TokenizerPart& part)
      : vocabulary_(part),
        where_(part.where()),
        byte_fallback_(part.flag_or("byte_fallback", false)),
        fuse_unknown_(part.flag_or("fuse_unk", false)),
        ignore_merges_(part.flag_or("ignore_merges", false)),
        prefix_(part.text_or("continuing_subword_prefix", "")),
        suffix_(part.text_or("end_of_word_suffix", "")) {
    if (part.has("dropout") && !(part.node().at("dropout").is_number() && part.node().at("dropout") == 0)) {
      part.unsupported("dropout makes encoding random");
    }
    read_unknown(part);
    read_merges(part);
    for (unsigned byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.id_of(fmt::format("<0x{:02X}>", byte));
    for (char32_t c = 0; c < direct_.size(); ++c) {
      std::string text;
      append_utf8(text, c);
      direct_[c] = vocabulary_.id_of(text);
    }
  }

  void encode(std::span<const Piece> words, std::vector<std::int32_t>& ids) const override {
    // A second thread does not wait for the cache: it fills one of its own for this call.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    Scratch own;
    Scratch& scratch = lock.owns_lock() ? scratch_ : own;
    for (const Piece& word : words) encode_word(word.text, scratch, ids);
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  struct Scratch {
    WordCache cache;
    WordMerger merger;
    std::string text;
  };

  void read_unknown(const TokenizerPart& part) {
    if (!part.has("unk_token")) return;
    unknown_token_ = part.text("unk_token");
    has_unknown_ = true;
    unknown_ = vocabulary_.id_of(unknown_token_);
  }

  void read_merges(const TokenizerPart& part) {
    const nlohmann::json& merges = part.list("merges");
    merges_ = MergeTable(merges.size());
    std::uint32_t rank = 0;
    for (const nlohmann::json& merge : merges) {
      const auto [left, right] = halves(merge, rank, part);
      if (prefix_.size() > right.size()) part.fail(fmt::format("merge {} is shorter than the prefix", rank));
      const std::string merged = left + right.substr(prefix_.size());
      const std::int32_t left_id = vocabulary_.id_of(left), right_id = vocabulary_.id_of(right);
      const std::int32_t merged_id = vocabulary_.id_of(merged);
      for (const auto& [id, token] :
           {std::pair{left_id, &left}, std::pair{right_id, &right}, std::pair{merged_id, &merged}}) {
        if (id < 0) part.fail(fmt::format("merge {} needs the token '{}', which the vocabulary lacks", rank, *token));
      }
      merges_.insert(left_id, right_id, rank, merged_id);
      ++rank;
    }
  }

  static std::pair<std::string, std::string> halves(const nlohmann::json& merge, std::uint32_t rank,
                                                    const TokenizerPart& part) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      return {merge[0].get<std::string>(), merge[1].get<std::string>()};
    }
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const std::size_t space = text.find(' ');
      if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
        return {text.substr(0, space), text.substr(space + 1)};
      }
    }
    part.fail(fmt::format("merge {} is not a pair of tokens", rank));
  }

  void encode_word(std::string_view word, Scratch& scratch, std::vector<std::int32_t>& ids) const {
    if (ignore_merges_) {
      if (const std::int32_t id = vocabulary_.id_of(word); id >= 0) return ids.push_back(id);
    }
    const bool cached = word.size() <= WordCache::kMaxWord;
    if (cached && scratch.cache.find(word, ids)) return;
    if (word.size() > kMaxWordBytes) {
      throw Error(ErrorKind::data, "a word of more than 1 GiB cannot be encoded", where_, "split the text");
    }
    const std::size_t from = ids.size();
    scratch.merger.clear();
    add_symbols(word, scratch);
    scratch.merger.merge(merges_);
    scratch.merger.append_to(ids);
    if (cached) scratch.cache.insert(word, std::span(ids).subspan(from));
  }

  // The word's characters; one that the vocabulary lacks becomes its bytes, or the unknown token, or nothing.
  void add_symbols(std::string_view word, Scratch& scratch) const {
    bool unknown_waits = false;
    for (std::size_t at = 0; at < word.size();) {
      const CodePoint c = decode_utf8(word, at);
      const std::string_view character = word.substr(at, c.bytes);
      const bool first = at == 0, last = at + c.bytes == word.size();
      at += c.bytes;
      const std::string_view symbol = affixed(character, first, last, scratch.text);
      const bool plain = symbol.size() == c.bytes && c.value < direct_.size();
      const std::int32_t id = plain ? direct_[c.value] : vocabulary_.id_of(symbol);
      if (id >= 0) {
        if (unknown_waits) scratch.merger.add(unknown_);
        unknown_waits = false;
        scratch.merger.add(id);
      } else if (!(byte_fallback_ && add_bytes(symbol, scratch.merger)) && has_unknown_) {
        if (unknown_ < 0) {
          throw Error(
              ErrorKind::data,
              fmt::format("'{}' is not in the vocabulary, nor is the unknown token '{}'", symbol, unknown_token_),
              where_, "use only characters of the vocabulary");
        }
        if (unknown_waits && !fuse_unknown_) scratch.merger.add(unknown_);
        unknown_waits = true;
      }
    }
    if (unknown_waits) scratch.merger.add(unknown_);
  }

  std::string_view affixed(std::string_view character, bool first, bool last, std::string& buffer) const {
    const bool needs_prefix = !first && !prefix_.empty(), needs_suffix = last && !suffix_.empty();
    if (!needs_prefix && !needs_suffix) return character;
    buffer.assign(needs_prefix ? prefix_ : "").append(character).append(needs_suffix ? suffix_ : "");
    return buffer;
  }

  bool add_bytes(std::string_view symbol, WordMerger& merger) const {
    for (const char c : symbol) {
      if (byte_ids_[static_cast<unsigned char>(c)] < 0) return false;
    }
    for (const char c : symbol) merger.add(byte_ids_[static_cast<unsigned char>(c)]);
    return true;
  }

  Vocabulary vocabulary_;
  std::string where_;
  bool byte_fallback_, fuse_unknown_, ignore_merges_;
  std::string prefix_, suffix_;
  bool has_unknown_ = false;
  std::string unknown_token_;
  std::int32_t unknown_ = -1;
  MergeTable merges_;
  std::array<std::int32_t, 256> byte_ids_{};
  std::array<std::int32_t, 0x400> direct_{};  // ids of the characters below U+0400, byte-level's among them
  mutable std::mutex mutex_;
  mutable Scratch scratch_;
};

}  // namespace

std::unique_ptr<const TokenizerModel> make_bpe_model(const TokenizerPart& part) {
  return std::make_unique<Bpe>(part);
}

}  // namespace dynexec
