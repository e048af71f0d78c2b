#include "pictures/prompt_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.hpp"
#include "data/clip_tokenizer.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& where, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::model, what, where.string(), hint);
}

bool is_there(const fs::path& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

std::shared_ptr<const Tokenizer> load_tokenizer(const fs::path& folder) {
  if (is_there(folder / "tokenizer.json")) return Tokenizer::load(folder);
  if (is_there(folder / "vocab.json") && is_there(folder / "merges.txt")) return load_clip_tokenizer(folder);
  refuse(folder, "the pipeline has no tokenizer, but takes text",
         "download the folder tokenizer/ with tokenizer.json, or with vocab.json and merges.txt");
}

nlohmann::json read_if_there(const fs::path& path) {
  return is_there(path) ? read_json_object(path) : nlohmann::json::object();
}

// "[PAD]" or {"content": "[PAD]", ...}; "" where the file does not say.
std::string padding_in(const nlohmann::json& file) {
  const auto token = file.find("pad_token");
  if (token == file.end()) return "";
  if (token->is_string()) return token->get<std::string>();
  const auto content = token->is_object() ? token->find("content") : token->end();
  return content != token->end() && content->is_string() ? content->get<std::string>() : "";
}

std::int32_t find_padding(const Tokenizer& tokenizer, const fs::path& folder, const nlohmann::json& config) {
  // The last two are what CLIP and BERT use when no file says so.
  for (const std::string& token : {padding_in(config), padding_in(read_if_there(folder / "special_tokens_map.json")),
                                   std::string("<|endoftext|>"), std::string("[PAD]")}) {
    if (token.empty()) continue;
    const std::int32_t id = tokenizer.token_id(token);
    if (id >= 0) return id;
  }
  refuse(folder, "no token is there to fill texts up with",
         "name a pad_token of the vocabulary in tokenizer_config.json");
}

std::size_t find_length(const fs::path& folder, const nlohmann::json& config, std::int64_t positions) {
  if (config.value("padding_side", nlohmann::json("right")) != "right")
    refuse(folder / "tokenizer_config.json", "texts filled up on the left are not supported",
           "set padding_side to right, as text encoders of diffusion pipelines have it");
  // A tokenizer without a limit has one of 1e30.
  const auto limit = config.find("model_max_length");
  if (limit == config.end() || !limit->is_number()) return static_cast<std::size_t>(positions);
  const double length = std::min(limit->get<double>(), static_cast<double>(positions));
  if (!(length >= 1))
    refuse(folder / "tokenizer_config.json", "model_max_length is below 1", "give the length of the text encoder");
  return static_cast<std::size_t>(length);
}

}  // namespace

PromptTokens::PromptTokens(const fs::path& folder, std::int64_t positions) : tokenizer_(load_tokenizer(folder)) {
  const nlohmann::json config = read_if_there(folder / "tokenizer_config.json");
  padding_ = find_padding(*tokenizer_, folder, config);
  length_ = find_length(folder, config, positions);
  const std::size_t special = tokenizer_->encode("", true).size();
  if (special > length_)
    refuse(folder, fmt::format("{} special tokens leave no room in a text of {}", special, length_),
           "use the tokenizer that belongs to the text encoder");
  ends_ = special > 1;
}

std::vector<std::int32_t> PromptTokens::encode(std::string_view text) const {
  std::vector<std::int32_t> ids = tokenizer_->encode(text, true);
  if (ends_) shorten(ids, length_);
  ids.resize(length_, padding_);
  return ids;
}

}  // namespace dynexec
