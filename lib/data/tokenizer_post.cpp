#include "data/tokenizer_post.hpp"

#include <fmt/format.h>

namespace dynexec {
namespace {

void append_special(const TokenizerPart& part, const std::string& name, std::vector<std::int32_t>& ids) {
  const TokenizerPart table(part.object("special_tokens"), part.what() + " special_tokens", part.where());
  if (!table.has(name.c_str())) part.fail(fmt::format("uses the token '{}' without giving its ids", name));
  const TokenizerPart token(table.node().at(name), fmt::format("{} token '{}'", part.what(), name),
                            part.where());
  for (const nlohmann::json& id : token.list("ids")) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxTokenId)) {
      token.fail("has an id that is not a token id");
    }
    ids.push_back(id.get<std::int32_t>());
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
  const bool sound = pair.size() == 2 && pair[0].is_string() && pair[1].is_number_unsigned() &&
                     pair[1].get<std::uint64_t>() <= static_cast<std::uint64_t>(kMaxTokenId);
  if (!sound) part.fail(fmt::format("has a '{}' that is not a token and its id", key));
  return pair[1].get<std::int32_t>();
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
