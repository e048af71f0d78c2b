#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/data/tokenizer_make.hpp"

using namespace dynexec;
using namespace dynexec::test;

namespace {

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("dynexec-tokenizer-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void write(const char* name, const json& content) const { std::ofstream(path_ / name) << content.dump(); }
  std::shared_ptr<const Tokenizer> load() const { return Tokenizer::load(path_); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a folder without tokenizer.json says what to do") {
  const Folder folder;
  CHECK_THROWS_WITH_AS(folder.load(), doctest::Contains("no tokenizer.json"), Error);
  folder.write("tokenizer.model", 0);
  try {
    folder.load();
    FAIL("loaded");
  } catch (const Error& error) {
    CHECK(mentions(error.hint(), "save_pretrained"));
  }
}

TEST_CASE("the files beside tokenizer.json add tokens and mark special ones") {
  const Folder folder;
  folder.write("tokenizer.json", byte_level_file());
  CHECK(folder.load()->encode("<x>", false) == Ids{'<', 'x', '>'});
  folder.write("tokenizer_config.json", {{"added_tokens_decoder", {{"300", {{"content", "<x>"}, {"special", true}}}}}});
  CHECK(folder.load()->encode("<x>", false) == Ids{300});
  CHECK(folder.load()->decode(Ids{300, 'a'}, true) == "a");
  folder.write("special_tokens_map.json",
               {{"eos_token", {{"content", "hell"}}}, {"additional_special_tokens", {"ll", "gone"}}});
  CHECK(folder.load()->decode(Ids{258, 'a', 257}, true) == "a");
  CHECK(folder.load()->encode("gone", false).size() == 4);
}

TEST_CASE("a damaged file beside it is named") {
  const Folder folder;
  folder.write("tokenizer.json", byte_level_file());
  folder.write("tokenizer_config.json", {{"added_tokens_decoder", {{"x1", {{"content", "<x>"}}}}}});
  CHECK_THROWS_WITH_AS(folder.load(), doctest::Contains("'x1'"), Error);
  folder.write("tokenizer_config.json", json::array());
  CHECK_THROWS_WITH_AS(folder.load(), doctest::Contains("array"), Error);
}
