#include "data/word_tokenizer.hpp"

#include <cstdint>

namespace dynexec {

nlohmann::json word_tokenizer(const std::vector<std::string>& words) {
  using Json = nlohmann::json;
  Json vocab = Json::object(), added = Json::array();
  std::int64_t id = 0;
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) {
    added.push_back({{"id", id},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    vocab[token] = id++;
  }
  for (const std::string& word : words) vocab[word] = id++;
  const auto special = [&](const char* token) {
    return Json{{"id", token}, {"ids", Json::array({vocab[token]})}, {"tokens", Json::array({token})}};
  };
  const auto piece = [](const char* kind, const char* name) {
    Json json = Json::object();
    json[kind] = {{"id", name}, {"type_id", 0}};
    return json;
  };
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", {{"type", "Lowercase"}}},
      {"pre_tokenizer", {{"type", "Whitespace"}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single",
         Json::array({piece("SpecialToken", "[CLS]"), piece("Sequence", "A"), piece("SpecialToken", "[SEP]")})},
        {"pair", Json::array({piece("SpecialToken", "[CLS]"), piece("Sequence", "A"), piece("SpecialToken", "[SEP]"),
                              piece("Sequence", "B"), piece("SpecialToken", "[SEP]")})},
        {"special_tokens", {{"[CLS]", special("[CLS]")}, {"[SEP]", special("[SEP]")}}}}},
      {"decoder", nullptr},
      {"model", {{"type", "WordLevel"}, {"vocab", vocab}, {"unk_token", "[UNK]"}}}};
}

}  // namespace dynexec
