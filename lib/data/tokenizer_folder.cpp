#include "data/tokenizer_folder.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <system_error>
#include <vector>

#include "base/error.hpp"
#include "data/tokenizer_json.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {
namespace {

using nlohmann::json;

std::optional<json> read_if_there(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) return std::nullopt;
  return read_json_object(path);
}

json* find_added(json& list, const std::string& content) {
  for (json& token : list) {
    if (token.is_object() && token.contains("content") && token["content"] == content) return &token;
  }
  return nullptr;
}

std::uint64_t read_id(const std::string& text, const std::string& where) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id > static_cast<std::uint64_t>(kMaxTokenId)) {
    throw Error(ErrorKind::model, fmt::format("added_tokens_decoder has the id '{}'", text), where,
                "ids are numbers; download the file again");
  }
  return id;
}

void apply_added_tokens_decoder(const json& config, json& added, const std::string& where) {
  const auto table = config.find("added_tokens_decoder");
  if (table == config.end() || !table->is_object()) return;
  for (const auto& [id, fields] : table->items()) {
    const TokenizerPart part(fields, fmt::format("added_tokens_decoder {}", id), where);
    json token = fields;
    token["id"] = read_id(id, where);
    if (json* known = find_added(added, part.text("content"))) {
      *known = std::move(token);
    } else {
      added.push_back(std::move(token));
    }
  }
}

// "<s>", {"content": "<s>", ...} or a list of either.
void collect_contents(const json& value, std::vector<std::string>& contents) {
  if (value.is_string()) contents.push_back(value.get<std::string>());
  if (value.is_object() && value.contains("content") && value["content"].is_string()) {
    contents.push_back(value["content"].get<std::string>());
  }
  if (value.is_array()) {
    for (const json& item : value) {
      if (!item.is_array()) collect_contents(item, contents);
    }
  }
}

std::vector<std::string> special_contents(const json& config) {
  std::vector<std::string> contents;
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
                          "additional_special_tokens", "extra_special_tokens"}) {
    if (const auto value = config.find(key); value != config.end()) collect_contents(*value, contents);
  }
  return contents;
}

std::optional<json> vocabulary_id(const json& tokenizer, const std::string& content) {
  const auto model = tokenizer.find("model");
  if (model == tokenizer.end() || !model->is_object()) return std::nullopt;
  const auto vocab = model->find("vocab");
  if (vocab == model->end() || !vocab->is_object()) return std::nullopt;
  const auto found = vocab->find(content);
  return found == vocab->end() ? std::nullopt : std::optional<json>(*found);
}

void mark_special(const std::string& content, json& tokenizer, json& added) {
  if (content.empty()) return;
  if (json* known = find_added(added, content)) {
    (*known)["special"] = true;
  } else if (const std::optional<json> id = vocabulary_id(tokenizer, content)) {
    added.push_back({{"id", *id}, {"content", content}, {"special", true}, {"normalized", false}});
  }
}

}  // namespace

void apply_tokenizer_config(const std::filesystem::path& folder, json& tokenizer) {
  json added = tokenizer.contains("added_tokens") ? tokenizer["added_tokens"] : json::array();
  if (!added.is_array()) return;  // parse() says what is wrong with it
  std::vector<std::string> special;
  const std::filesystem::path config_path = folder / "tokenizer_config.json";
  if (const std::optional<json> config = read_if_there(config_path)) {
    apply_added_tokens_decoder(*config, added, config_path.string());
    special = special_contents(*config);
  }
  if (const std::optional<json> map = read_if_there(folder / "special_tokens_map.json")) {
    const std::vector<std::string> more = special_contents(*map);
    special.insert(special.end(), more.begin(), more.end());
  }
  for (const std::string& content : special) mark_special(content, tokenizer, added);
  tokenizer["added_tokens"] = std::move(added);
}

}  // namespace dynexec
