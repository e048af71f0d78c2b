#include "train/bpe_trainer.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "data/reasoning_task.hpp"
#include "data/tokenizer.hpp"
#include "train/batches.hpp"

using namespace dynexec;

TEST_CASE("the most frequent pair is merged first, ties go to the smallest ids") {
  BpeTrainer trainer;
  trainer.add("abab ababab cd");
  const auto json = trainer.train(259 + 2);
  const auto& merges = json["model"]["merges"];
  REQUIRE(merges.size() == 2);
  CHECK(merges[0] == nlohmann::json({"a", "b"}));
  CHECK(merges[1] == nlohmann::json({"ab", "ab"}));
  CHECK(json["model"]["vocab"]["ab"] == 259);
}

TEST_CASE("training is deterministic and ends when no pair occurs twice") {
  BpeTrainer first, second;
  first.add("one two three two one");
  second.add("one two three two one");
  CHECK(first.train(1000) == second.train(1000));
  BpeTrainer unique;
  unique.add("xyz");
  CHECK(unique.train(1000)["model"]["vocab"].size() == 259);
  CHECK_THROWS_AS(unique.train(258), Error);
  CHECK_THROWS_AS(unique.add("bad \xff byte"), Error);
}

TEST_CASE("the tokenizer loads, keeps digits single and gives texts back") {
  BpeTrainer trainer;
  ReasoningOptions options;
  options.split = Split::train;
  std::vector<reasoning::Problem> problems;
  for (std::uint64_t i = 0; i < 300; ++i) {
    problems.push_back(draw_problem(options, i, Purpose::training));
    trainer.add(problems.back().prompt());
    trainer.add(problems.back().solution());
  }
  const auto tokenizer = Tokenizer::parse(trainer.train(1024), "tokenizer.json");
  CHECK(tokenizer->token_id("<bos>") == kBosToken);
  CHECK(tokenizer->token_id("<eos>") == kEosToken);
  CHECK(tokenizer->token_id("<pad>") == kPadToken);
  CHECK(tokenizer->encode("4711", false).size() == 4);
  CHECK(tokenizer->encode(" 4711", false).size() == 4);
  CHECK(tokenizer->encode("x", true).front() == kBosToken);
  for (const auto& problem : problems) {
    const EncodedProblem encoded = encode_problem(*tokenizer, problem);
    CHECK(tokenizer->decode(encoded.ids, true) == problem.prompt() + problem.solution());
    // The prompt's tokens are those that decoding will feed.
    const auto prompt = tokenizer->encode(problem.prompt(), true);
    CHECK(std::equal(prompt.begin(), prompt.end(), encoded.ids.begin()));
    CHECK(encoded.solution_start == prompt.size());
    CHECK(encoded.ids.back() == kEosToken);
  }
}
