#include "data/tokenizer_added.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kMaxAddedTokens = 200'000;
// The search is linear in the text times this length at worst.
constexpr std::size_t kMaxContent = 1024;

// Where the blanks that end at `end` begin.
std::size_t blanks_before(std::string_view text, std::size_t end) {
  while (end > 0) {
    const CodePoint last = decode_utf8_before(text, end);
    if (!is_white_space(last.value)) break;
    end -= last.bytes;
  }
  return end;
}

std::size_t blanks_after(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const CodePoint first = decode_utf8(text, begin);
    if (!is_white_space(first.value)) break;
    begin += first.bytes;
  }
  return begin;
}

bool is_single_word(std::string_view text, std::size_t begin, std::size_t end) {
  const bool free_left = begin == 0 || !is_word(decode_utf8_before(text, begin).value);
  const bool free_right = end == text.size() || !is_word(decode_utf8(text, end).value);
  return free_left && free_right;
}

}  // namespace

void AddedTokenFinder::add(std::string_view content, const AddedToken* token) {
  if (content.empty()) return;
  starts_[static_cast<unsigned char>(content.front())] = true;
  std::uint32_t at = 0;
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    auto& children = nodes_[at].children;
    const auto place =
        std::lower_bound(children.begin(), children.end(), std::pair<unsigned char, std::uint32_t>{byte, 0});
    if (place != children.end() && place->first == byte) {
      at = place->second;
      continue;
    }
    const auto created = static_cast<std::uint32_t>(nodes_.size());
    children.insert(place, {byte, created});
    nodes_.emplace_back();
    at = created;
  }
  // Two tokens may normalise to the same text: the first one stands.
  if (nodes_[at].token == nullptr) nodes_[at].token = token;
}

AddedTokenFinder::Match AddedTokenFinder::longest_at(std::string_view text, std::size_t at) const {
  Match match;
  std::uint32_t node = 0;
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto& children = nodes_[node].children;
    const auto place =
        std::lower_bound(children.begin(), children.end(), std::pair<unsigned char, std::uint32_t>{byte, 0});
    if (place == children.end() || place->first != byte) break;
    node = place->second;
    if (nodes_[node].token != nullptr) match = {at + 1, nodes_[node].token};
  }
  return match;
}

void AddedTokenFinder::split(std::string_view text, std::vector<Part>& parts) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Match match = starts_[static_cast<unsigned char>(text[at])] ? longest_at(text, at) : Match{};
    if (match.token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = match.end;
    at = match.end;
    if (match.token->single_word && !is_single_word(text, begin, end)) continue;
    if (match.token->lstrip) begin = std::max(blanks_before(text, begin), done);
    if (match.token->rstrip) end = blanks_after(text, end);
    if (done < begin) parts.push_back({done, begin, -1});
    parts.push_back({begin, end, match.token->id});
    done = end;
  }
  if (done < text.size()) parts.push_back({done, text.size(), -1});
}

AddedVocabulary::AddedVocabulary(std::vector<AddedToken> tokens, const Vocabulary& model, const Normalizer* normalizer,
                                 const std::string& where)
    : tokens_(std::move(tokens)) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::model, what, where, "the file is damaged; download it again");
  };
  for (AddedToken& token : tokens_) {
    token.text = token.content;
    bool at_start = true;
    if (token.normalized && normalizer != nullptr) normalizer->apply(token.text, at_start);
    const std::int32_t known = model.id_of(token.content);
    const std::string* occupant = model.token_of(token.id);
    if (known >= 0 ? known != token.id : occupant != nullptr) {
      fail(known >= 0
               ? fmt::format("added token '{}' has the id {}, in the vocabulary it has {}", token.content, token.id,
                             known)
               : fmt::format("added token '{}' has the id {} of the token '{}'", token.content, token.id, *occupant));
    }
    if (!by_content_.emplace(token.content, &token).second)
      fail(fmt::format("added token '{}' occurs twice", token.content));
    if (!by_id_.emplace(token.id, &token).second) fail(fmt::format("two added tokens have the id {}", token.id));
    id_limit_ = std::max(id_limit_, token.id + 1);
  }
  // Special tokens come first where two normalise to the same text.
  for (const bool special : {true, false}) {
    for (const AddedToken& token : tokens_) {
      if (token.special != special) continue;
      (token.normalized ? normalized_ : raw_).add(token.text, &token);
    }
  }
}

const AddedToken* AddedVocabulary::find(std::int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::int32_t AddedVocabulary::id_of(std::string_view content) const {
  const auto found = by_content_.find(content);
  return found == by_content_.end() ? -1 : found->second->id;
}

std::vector<AddedToken> read_added_tokens(const TokenizerPart& file) {
  std::vector<AddedToken> tokens;
  if (!file.has("added_tokens")) return tokens;
  const nlohmann::json& nodes = file.list("added_tokens");
  if (nodes.size() > kMaxAddedTokens) file.fail(fmt::format("has more than {} added tokens", kMaxAddedTokens));
  for (const nlohmann::json& node : nodes) {
    const TokenizerPart part(node, fmt::format("added token {}", tokens.size()), file.where());
    AddedToken token;
    token.id = part.token("id");
    token.content = part.text("content");
    if (token.content.empty()) part.fail("is empty");
    if (token.content.size() > kMaxContent) part.fail(fmt::format("is longer than {} bytes", kMaxContent));
    token.special = part.flag_or("special", false);
    token.single_word = part.flag_or("single_word", false);
    token.lstrip = part.flag_or("lstrip", false);
    token.rstrip = part.flag_or("rstrip", false);
    token.normalized = part.flag_or("normalized", !token.special);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace dynexec
