#include "data/labelled_texts.hpp"

#include <doctest/doctest.h>

#include "../base/temp_folder.hpp"
#include "base/error.hpp"

using namespace dynexec;

namespace {

const std::vector<std::string> kNames{"negative", "positive"};

struct File {
  explicit File(const std::string& content) {
    options.file = folder.file("texts");
    dynexec_test::write_text(options.file, content);
  }
  std::vector<LabelledText> read() const { return read_labelled_texts(options, 2, kNames); }
  std::string refusal() const {
    try {
      read();
      return "";
    } catch (const Error& error) {
      return format_error(error);
    }
  }
  dynexec_test::TempFolder folder;
  LabelledTextOptions options;
};

bool mentions(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("JSON lines: labels by name and by number, fields of any name") {
  File file("{\"text\": \"good\", \"label\": \"positive\"}\n\n{\"text\": \"poor\", \"label\": 0}\n");
  const auto texts = file.read();
  REQUIRE(texts.size() == 2);
  CHECK(texts[0].text == "good");
  CHECK(texts[0].label == 1);
  CHECK(texts[1].label == 0);
  File other("[{\"a\": {\"sentence\": \"x\"}, \"y\": 1}]");
  other.options.text_field = "a.sentence";
  other.options.label_field = "y";
  CHECK(other.read().at(0).label == 1);
}

TEST_CASE("tab-separated columns by the names in the first line") {
  File file("id\tlabel\tsentence\r\n7\t1\tit's a \"good\" film\r\n8\tnegative\tdull\r\n");
  file.options.text_field = "sentence";
  const auto texts = file.read();
  REQUIRE(texts.size() == 2);
  CHECK(texts[0].text == "it's a \"good\" film");
  CHECK(texts[0].label == 1);
  CHECK(texts[1].label == 0);
}

TEST_CASE("what is wrong is named with its line") {
  CHECK(mentions(File("{\"text\": \"a\", \"label\": 2}").refusal(), "'2' is no class"));
  CHECK(mentions(File("{\"text\": \"a\", \"label\": -1}").refusal(), ":1"));
  CHECK(mentions(File("{\"text\": \"a\", \"label\": \"positiv\"}").refusal(), "did you mean 'positive'"));
  CHECK(mentions(File("{\"text\": \"a\"}").refusal(), "label"));
  CHECK(mentions(File("text\tkind\na\t1\n").refusal(), "no column 'label'"));
  CHECK(mentions(File("text\tlabel\na\t1\nb\n").refusal(), ":3"));
  CHECK(mentions(File("text\tlabel\n").refusal(), "no texts"));
  CHECK(mentions(File("").refusal(), "no texts"));
  CHECK(mentions(File("{\"text\": ").refusal(), "texts"));
  CHECK(mentions(File("{\"text\": \"a\", \"label\": 111e1112}").refusal(), "too large"));
}

TEST_CASE("samples are a range of the texts, grouped by label") {
  const std::vector<LabelledText> texts{{"a", 0}, {"b", 1}, {"c", 1}};
  const auto samples = text_samples(texts, 1, 2, kNames);
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].group == "positive");
  CHECK(samples[1].id == "text-2");
  CHECK(std::any_cast<const LabelledText&>(samples[0].input).text == "b");
  CHECK(text_samples(texts, 0, 3, {})[0].group == "0");
  CHECK_THROWS_AS(text_samples(texts, 2, 2, kNames), Error);
  CHECK_THROWS_AS(text_samples(texts, 4, 1, kNames), Error);
}
