#include <doctest/doctest.h>

#include "pictures/prompt_tokens.hpp"
#include "tests/unit/base/temp_folder.hpp"
#include "tests/unit/pictures/picture_fixture.hpp"

using namespace dynexec;
using Ids = std::vector<std::int32_t>;

namespace {

// A folder with the words of TextPipeline and these other files.
class TokenizerFolder : public dynexec_test::TempFolder {
 public:
  TokenizerFolder() {
    const dynexec::testing::TextPipeline pipeline("words");
    write("tokenizer.json", pipeline.tokenizer);
  }
  void write(const char* name, const nlohmann::json& content) const {
    dynexec_test::write_text(file(name), content.dump());
  }
  Ids encode(const std::string& text, std::int64_t positions = 6) const {
    return PromptTokens(path(), positions).encode(text);
  }
};

}  // namespace

TEST_CASE("texts are filled up, and cut before the token that ends them") {
  const TokenizerFolder folder;
  CHECK(folder.encode("w5 w6") == Ids{2, 5, 6, 3, 0, 0});
  CHECK(folder.encode("") == Ids{2, 3, 0, 0, 0, 0});
  CHECK(folder.encode("w5 w6 w7 w8 w9 w10") == Ids{2, 5, 6, 7, 8, 3});
  CHECK(folder.encode("unheard-of") == Ids{2, 1, 1, 1, 3, 0});
}

TEST_CASE("the tokenizer's configuration names the token that fills up and shortens texts") {
  const TokenizerFolder folder;
  folder.write("special_tokens_map.json", {{"pad_token", "w7"}});
  CHECK(folder.encode("w5", 4) == Ids{2, 5, 3, 7});
  folder.write("tokenizer_config.json", {{"pad_token", {{"content", "w8"}}}, {"model_max_length", 5}});
  CHECK(folder.encode("w5") == Ids{2, 5, 3, 8, 8});
  for (const nlohmann::json& nothing : {nlohmann::json(nullptr), nlohmann::json(5), nlohmann::json{{"content", 5}}}) {
    folder.write("tokenizer_config.json", {{"pad_token", nothing}, {"model_max_length", 5}});
    CHECK(folder.encode("w5") == Ids{2, 5, 3, 7, 7});
  }
  folder.write("tokenizer_config.json", {{"pad_token", nullptr}, {"model_max_length", 1e30}});
  CHECK(folder.encode("w5") == Ids{2, 5, 3, 7, 7, 7});
}

TEST_CASE("tokenizers that do not fit a text encoder") {
  const auto message = [](const TokenizerFolder& folder, std::int64_t positions) {
    const Error error = dynexec::testing::error_of([&] { PromptTokens(folder.path(), positions); });
    CHECK(error.kind() == (error.message().empty() ? ErrorKind::internal : ErrorKind::model));
    return error.message();
  };
  const TokenizerFolder folder;
  CHECK(message(folder, 2).empty());
  CHECK(message(folder, 1) == "2 special tokens leave no room in a text of 1");
  folder.write("tokenizer_config.json", {{"padding_side", "left"}});
  CHECK(message(folder, 6) == "texts filled up on the left are not supported");
  folder.write("tokenizer_config.json", {{"model_max_length", 0}});
  CHECK(message(folder, 6) == "model_max_length is below 1");
  folder.write("tokenizer_config.json", nlohmann::json::object());
  nlohmann::json words = dynexec::testing::TextPipeline("words").tokenizer;
  words["model"]["vocab"].erase("[PAD]");
  folder.write("tokenizer.json", words);
  CHECK(message(folder, 6) == "no token is there to fill texts up with");
}
