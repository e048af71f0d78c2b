#include "data/tokenizer_post.hpp"

#include <fmt/format.h>

namespace dynexec {
namespace {

void append_special(const TokenizerPart& part, const std::string& name, std::vector<std::int32_t>& ids) {
  const TokenizerPart table(part.object("special_tokens"), part.what() + " special_tokens", part.where());
  if (!table.has(name.c_str())) part.fail(fmt::format("uses the token '{}' without giving its ids", name));
  const TokenizerPart token(table.node().at(name), fmt::format("{} token '{}'", part.what(), name), part.where());
  for (const nlohmann::json& id : token.list("ids")) {
    const std::int64_t number = count_of(id, kMaxTokenId);
    if (number < 0) token.fail("has an id that is not a token id");
    ids.push_back(static_cast<std::int32_t>(number));
  }
}

PostProcessor read_template(const TokenizerPart& part) {
  PostProcessor result;
  bool text_seen = false;
  const nlohmann::json& pieces = part.list("single");
  if (pieces.size() > kMaxParts) part.fail(fmt::format("has more than {} pieces", kMaxParts));
  for (const nlohmann::json& node : pieces) {
    const TokenizerPart piece(node, part.what() + " piece", part.where());
    if (piece.has("SpecialToken")) {
      const TokenizerPart token(piece.object("SpecialToken"), part.what() + " SpecialToken", part.where());
      append_special(part, token.text("id"), text_seen ? result.after : result.before);
      continue;
    }
    const TokenizerPart sequence(piece.object("Sequence"), part.what() + " Sequence", part.where());
    if (text_seen || sequence.text("id") != "A") part.unsupported("the text must occur once in 'single'");
    text_seen = true;
  }
  if (!text_seen) part.unsupported("the text must occur once in 'single'");
  return result;
}

// ["</s>", 2]
std::int32_t read_token_pair(const TokenizerPart& part, const char* key) {
  const nlohmann::json& pair = part.list(key);
  const std::int64_t id = pair.size() == 2 && pair[0].is_string() ? count_of(pair[1], kMaxTokenId) : -1;
  if (id < 0) part.fail(fmt::format("has a '{}' that is not a token and its id", key));
  return static_cast<std::int32_t>(id);
}

}  // namespace

PostProcessor make_post_processor(const TokenizerPart& untyped) {
  const TokenizerPart part = untyped.typed();
  const std::string type = part.type();
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return read_template(part);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return {{read_token_pair(part, "cls")}, {read_token_pair(part, "sep")}};
  }
  if (type == "Sequence") {
    PostProcessor result;
    for (const TokenizerPart& member : part.members("processors")) {
      const PostProcessor inner = make_post_processor(member);
      result.before.insert(result.before.begin(), inner.before.begin(), inner.before.end());
      result.after.insert(result.after.end(), inner.after.begin(), inner.after.end());
    }
    return result;
  }
  part.unsupported();
}

}  // namespace dynexec
