#include "data/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/error.hpp"
#include "data/normalizer.hpp"
#include "data/pretokenizer.hpp"
#include "data/tokenizer_added.hpp"
#include "data/tokenizer_decoder.hpp"
#include "data/tokenizer_folder.hpp"
#include "data/tokenizer_model.hpp"
#include "data/tokenizer_post.hpp"
#include "data/tokenizer_unicode.hpp"
#include "weights/json_reader.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kMaxTokenizerBytes = std::size_t{64} << 20;

// The stages in the order in which a text passes them; a stage that the file lacks is null.
class PipelineTokenizer : public Tokenizer {
 public:
  PipelineTokenizer(const TokenizerPart& file)
      : where_(file.where()),
        normalizer_(part_of(file, "normalizer", make_normalizer)),
        pretokenizer_(part_of(file, "pre_tokenizer", make_pretokenizer)),
        model_(make_tokenizer_model(TokenizerPart(file.object("model"), "model", where_))),
        decoder_(part_of(file, "decoder", make_token_decoder)),
        added_(read_added_tokens(file), model_->vocabulary(), normalizer_.get(), where_) {
    if (file.has("post_processor")) {
      post_ = make_post_processor(TokenizerPart(file.object("post_processor"), "post-processor", where_));
    }
    for (const auto* ids : {&post_.before, &post_.after}) {
      for (const std::int32_t id : *ids) {
        if (token_of(id) == nullptr) file.fail(fmt::format("has a post-processor that adds the unknown id {}", id));
      }
    }
  }

  std::vector<std::int32_t> encode(std::string_view text, bool add_special) const override {
    if (text.size() > kMaxTokenizerText) {
      throw Error(ErrorKind::data, "a text of more than 256 MiB cannot be encoded at once", where_, "split the text");
    }
    TextArena arena;
    if (!is_valid_utf8(text)) text = arena.keep(replace_invalid_utf8(text));
    std::vector<std::int32_t> ids;
    if (add_special) ids = post_.before;
    Walk walk{arena, {}, ids};
    std::vector<AddedTokenFinder::Part> parts;
    added_.raw().split(text, parts);
    for (const AddedTokenFinder::Part& part : parts) {
      if (part.token >= 0) {
        flush(walk);
        ids.push_back(part.token);
      } else {
        encode_plain({text.substr(part.begin, part.end - part.begin), part.begin == 0}, walk);
      }
    }
    flush(walk);
    if (add_special) ids.insert(ids.end(), post_.after.begin(), post_.after.end());
    return ids;
  }

  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const override {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const std::int32_t id : ids) {
      const AddedToken* added = added_.find(id);
      if (added != nullptr && added->special && skip_special) continue;
      const std::string* token = token_of(id);
      if (token == nullptr) {
        throw Error(ErrorKind::data, fmt::format("no token has the id {}", id), where_,
                    fmt::format("ids of this tokenizer are below {}", vocab_size()));
      }
      tokens.push_back(*token);
    }
    if (decoder_ == nullptr) return fmt::format("{}", fmt::join(tokens, " "));
    decoder_->apply(tokens);
    std::string text;
    for (const std::string& token : tokens) text += token;
    return text;
  }

  std::int32_t vocab_size() const override { return std::max(model_->vocabulary().id_limit(), added_.id_limit()); }

  std::int32_t token_id(std::string_view token) const override {
    const std::int32_t added = added_.id_of(token);
    return added >= 0 ? added : model_->vocabulary().id_of(token);
  }

 private:
  // One encode() call: words that wait for the model, and the ids so far.
  struct Walk {
    TextArena& arena;
    std::vector<Piece> words;
    std::vector<std::int32_t>& ids;
  };

  template <class Part>
  static std::unique_ptr<const Part> part_of(const TokenizerPart& file, const char* key,
                                             std::unique_ptr<const Part> (*make)(const TokenizerPart&)) {
    if (!file.has(key)) return nullptr;
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', '-');
    return make(TokenizerPart(file.object(key), name, file.where()));
  }

  const std::string* token_of(std::int32_t id) const {
    const AddedToken* added = added_.find(id);
    return added != nullptr ? &added->text : model_->vocabulary().token_of(id);
  }

  void flush(Walk& walk) const {
    model_->encode(walk.words, walk.ids);
    walk.words.clear();
  }

  // A stretch without unnormalised added tokens.
  void encode_plain(Piece piece, Walk& walk) const {
    if (normalizer_ != nullptr) {
      std::string text(piece.text);
      normalizer_->apply(text, piece.at_start);
      piece.text = walk.arena.keep(std::move(text));
    }
    std::vector<AddedTokenFinder::Part> parts;
    added_.normalized().split(piece.text, parts);
    for (const AddedTokenFinder::Part& part : parts) {
      const Piece inner{piece.text.substr(part.begin, part.end - part.begin), piece.at_start && part.begin == 0};
      if (part.token >= 0) {
        flush(walk);
        walk.ids.push_back(part.token);
      } else if (pretokenizer_ != nullptr) {
        pretokenizer_->split(inner, walk.arena, walk.words);
      } else {
        walk.words.push_back(inner);
      }
    }
  }

  std::string where_;
  std::unique_ptr<const Normalizer> normalizer_;
  std::unique_ptr<const PreTokenizer> pretokenizer_;
  std::unique_ptr<const TokenizerModel> model_;
  std::unique_ptr<const TokenDecoder> decoder_;
  AddedVocabulary added_;
  PostProcessor post_;
};

std::string hint_without_tokenizer(const std::filesystem::path& folder) {
  std::error_code failed;
  for (const char* other : {"tokenizer.model", "vocab.json", "vocab.txt"}) {
    if (std::filesystem::exists(folder / other, failed)) {
      return fmt::format(
          "it has {}: load it with transformers' AutoTokenizer and save_pretrained to get tokenizer.json", other);
    }
  }
  return "download tokenizer.json into the folder";
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::parse(const nlohmann::json& tokenizer_json, const std::string& where) {
  return std::make_shared<PipelineTokenizer>(TokenizerPart(tokenizer_json, "the tokenizer", where));
}

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) {
    throw Error(ErrorKind::model, "the folder has no tokenizer.json", folder.string(), hint_without_tokenizer(folder));
  }
  nlohmann::json document = read_json_object(path, kMaxTokenizerBytes);
  apply_tokenizer_config(folder, document);
  return parse(document, path.string());
}

void shorten(std::vector<std::int32_t>& ids, std::size_t most) {
  if (ids.size() <= most) return;
  ids[most - 1] = ids.back();
  ids.resize(most);
}

}  // namespace dynexec
