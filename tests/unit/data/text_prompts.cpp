#include "data/text_prompts.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/error.hpp"
#include "data/text_file.hpp"

using namespace dynexec;

namespace {

// A file of this content that is removed with the object.
class TempFile {
 public:
  TempFile(const std::string& name, const std::string& content)
      : path_(std::filesystem::temp_directory_path() / ("dynexec-prompts-" + name)) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TempFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

PromptOptions options_for(const TempFile& file) {
  PromptOptions options;
  options.file = file.path();
  return options;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(compressBound(text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

Outcome answering(const std::string& text) {
  Outcome outcome;
  outcome.output = TextOutput{text, {}, {}};
  return outcome;
}

}  // namespace

TEST_CASE("plain lines: one prompt each, blank lines left out") {
  const TempFile file("lines.txt",
                      "\xef\xbb\xbf"
                      "first\r\n\n  second one\nthird");
  const TextPromptTask task(options_for(file));
  REQUIRE(task.size() == 3);
  CHECK(std::any_cast<TextInput>(task.sample(0).input).prompt == "first");
  CHECK(std::any_cast<TextInput>(task.sample(1).input).prompt == "  second one");
  CHECK(task.quality_metric().empty());
  CHECK(task.score(task.sample(0), answering("x")).empty());
}

TEST_CASE("tab-separated files: columns by the names of the first line") {
  const TempFile file("columns.tsv", "Prompt\tCategory\tNote\na cat\tAnimals\t\n\n a \"dog\" \tAnimals\nno one\n");
  PromptOptions options = options_for(file);
  options.format = "tsv";
  options.prompt_field = "Prompt";
  options.group_field = "Category";
  const std::vector<PromptRecord> records = read_prompts(options);
  REQUIRE(records.size() == 3);
  CHECK(records[0].prompt == "a cat");
  CHECK(records[1].prompt == "a \"dog\"");
  CHECK(records[1].group == "Animals");
  CHECK(records[2].group.empty());
  CHECK(records[2].id == records[0].id.substr(0, records[0].id.size() - 1) + "2");
  options.prompt_field = "Text";
  try {
    read_prompts(options);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.hint() == "its columns are Prompt, Category, Note");
  }
  const TempFile wide("wide.tsv", "a\tb\n1\t2\t3\n");
  options.file = wide.path();
  options.prompt_field = "a";
  options.group_field = "";
  try {
    read_prompts(options);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where().ends_with("wide.tsv:2"));
  }
}

TEST_CASE("GSM8K records are recognised and scored by the final number") {
  const TempFile file("gsm.jsonl",
                      "{\"question\":\"2 and 3?\",\"answer\":\"2+3=<<2+3=5>>5\\n#### 5\"}\n"
                      "{\"question\":\"Much?\",\"answer\":\"#### 1,200\"}\n");
  const TextPromptTask task(options_for(file));
  REQUIRE(task.size() == 2);
  const Sample first = task.sample(0);
  CHECK(std::any_cast<TextInput>(first.input).prompt == "Question: 2 and 3?\nAnswer:");
  CHECK(task.quality_metric() == "exact_match");
  CHECK(task.score(first, answering("It makes 5.")).front().value == 1);
  CHECK(task.score(first, answering("It makes 6.")).front().value == 0);
  CHECK(task.score(task.sample(1), answering("#### 1200")).front().value == 1);
}

TEST_CASE("the shapes of the other question sets") {
  const TempFile file(
      "mixed.jsonl",
      R"({"question_id": 82, "category": "writing", "turns": ["Write.", "More."]})"
      "\n"
      R"({"task_id": "HumanEval/0", "prompt": "def f():\n", "entry_point": "f", "test": ""})"
      "\n"
      R"({"sQuestion": " How many? ", "lSolutions": [39.0], "iIndex": 4})"
      "\n"
      R"({"question": "Which?", "options": ["A)1", "B)2"], "correct": "B"})"
      "\n"
      R"({"answerKey": "A", "id": "x", "question": {"stem": "Where?", "choices": [{"label": "A", "text": "bank"}]}})"
      "\n"
      R"({"input": "Frost?", "target_scores": {"No": 0, "Yes": 1}})"
      "\n");
  const auto records = read_prompts(options_for(file));
  REQUIRE(records.size() == 6);
  CHECK(records[0].prompt == "Write.");
  CHECK(records[0].group == "writing");
  CHECK(records[0].id == "dynexec-prompts-mixed/82");
  CHECK(records[1].prompt == "def f():\n");
  CHECK(records[1].reference.empty());
  CHECK(records[2].prompt == "Question: How many?\nAnswer:");
  CHECK(records[2].reference == "39");
  CHECK(records[3].prompt == "Question: Which?\nAnswer choices: A)1 B)2\nAnswer:");
  CHECK(records[3].reference == "B");
  CHECK(records[4].prompt == "Question: Where?\nAnswer choices: A)bank\nAnswer:");
  CHECK(records[5].reference == "Yes");
  const TextPromptTask task(options_for(file));
  CHECK(std::isnan(task.score(task.sample(0), answering("x")).front().value));
}

TEST_CASE("one document with examples, pretty-printed") {
  const TempFile file("examples.json",
                      "{\n \"name\": \"t\",\n \"examples\": [\n  {\"question\": \"q1\", \"answer\": \"yes\"},\n"
                      "  {\"question\": \"q2\", \"answer\": \"no\"}\n ]\n}\n");
  PromptOptions options = options_for(file);
  options.prompt_template = "Q: {prompt}\nA:";
  const auto records = read_prompts(options);
  REQUIRE(records.size() == 2);
  CHECK(records[1].prompt == "Q: q2\nA:");
  CHECK(records[1].reference == "no");
}

TEST_CASE("stories give their openings") {
  const TempFile file("stories.json", R"(["One day a girl named Lily ran.", "  Two\n words here and more"])");
  PromptOptions options = options_for(file);
  options.opening_words = 4;
  const auto records = read_prompts(options);
  REQUIRE(records.size() == 2);
  CHECK(records[0].prompt == "One day a girl");
  CHECK(records[1].prompt == "Two\n words here and");
}

TEST_CASE("JSON lines with the user's own fields") {
  const TempFile file("own.jsonl", R"({"a": {"text": ["hello", "x"]}, "n": 4})"
                                   "\n\n"
                                   R"({"a": {"text": ["bye"]}, "n": 5})");
  PromptOptions options = options_for(file);
  options.format = "jsonl";
  options.prompt_field = "a.text.0";
  options.reference_field = "n";
  const auto records = read_prompts(options);
  REQUIRE(records.size() == 2);
  CHECK(records[1].prompt == "bye");
  CHECK(records[1].reference == "5");
  options.prompt_field = "a.txt";
  CHECK_THROWS_WITH_AS(read_prompts(options), doctest::Contains("no field 'a.txt'"), Error);
}

TEST_CASE("gzip files are unpacked, broken ones refused") {
  const std::string text = R"({"task_id": "H/0", "prompt": "def f():", "entry_point": "f"})";
  const std::string packed = gzip(text);
  const TempFile file("code.jsonl.gz", packed);
  CHECK(read_prompts(options_for(file)).front().prompt == "def f():");
  CHECK(gunzip(packed + packed, "two", 1 << 20) == text + text);
  CHECK_THROWS_AS(gunzip(packed.substr(0, packed.size() / 2), "half", 1 << 20), Error);
  CHECK_THROWS_AS(gunzip(packed + "tail", "tail", 1 << 20), Error);
  CHECK_THROWS_AS(gunzip(gzip(std::string(1 << 20, 'a')), "bomb", 1 << 16), Error);
}

TEST_CASE("a shuffled file gives all its prompts under their own names, always in the same order") {
  const TempFile file("ordered.txt", "a\nb\nc\nd\ne\nf\ng\nh\n");
  PromptOptions options = options_for(file);
  const std::vector<PromptRecord> ordered = read_prompts(options);
  options.shuffle = true;
  const std::vector<PromptRecord> shuffled = read_prompts(options);
  REQUIRE(shuffled.size() == 8);
  std::set<std::string> seen;
  std::size_t moved = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto own = static_cast<std::size_t>(shuffled[i].prompt[0] - 'a');
    CHECK(shuffled[i].id == ordered[own].id);
    CHECK(shuffled[i].prompt == read_prompts(options)[i].prompt);
    seen.insert(shuffled[i].prompt);
    moved += own != i;
  }
  CHECK(seen.size() == 8);
  CHECK(moved > 2);
  options.first = 3;
  options.samples = 2;
  CHECK(TextPromptTask(options).sample(0).id == shuffled[3].id);
}

TEST_CASE("selection and its bounds") {
  const TempFile file("many.txt", "a\nbb\nccc\ndddd\n");
  PromptOptions options = options_for(file);
  options.first = 1;
  options.samples = 2;
  const TextPromptTask task(options);
  REQUIRE(task.size() == 2);
  CHECK(task.sample(0).id == "dynexec-prompts-many/1");
  CHECK(task.sample(1).index == 1);
  options.samples = 4;
  CHECK_THROWS_AS(TextPromptTask{options}, Error);
  options.first = 0;
  options.samples = 0;
  options.max_characters = 2;
  CHECK(TextPromptTask(options).size() == 2);
}

TEST_CASE("bad input is one clear error") {
  const TempFile broken("broken.jsonl", "{\"question\": \"q\", \"answer\": \"1\"}\n{\"question\": ");
  CHECK_THROWS_WITH_AS(read_prompts(options_for(broken)), doctest::Contains("not JSON"), Error);
  const TempFile deep("deep.jsonl", std::string(100000, '['));
  PromptOptions options = options_for(deep);
  options.format = "jsonl";
  CHECK_THROWS_AS(read_prompts(options), Error);
  options.format = "jsonnl";
  CHECK_THROWS_AS(read_prompts(options), Error);
  options.format = "auto";
  options.prompt_template = "no slot";
  CHECK_THROWS_AS(read_prompts(options), Error);
  PromptOptions absent;
  absent.file = "/nowhere/at/all.jsonl";
  CHECK_THROWS_AS(read_prompts(absent), Error);
  const TempFile unknown("unknown.jsonl", R"({"foo": 1})");
  PromptOptions questions = options_for(unknown);
  questions.format = "questions";
  CHECK_THROWS_AS(read_prompts(questions), Error);
  const TempFile empty("empty.txt", "");
  CHECK_THROWS_AS(TextPromptTask{options_for(empty)}, Error);
}
