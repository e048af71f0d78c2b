#include "data/reasoning_task.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "data/reasoning/program.hpp"
#include "question_solver.hpp"

using namespace dynexec;

namespace {

Outcome answering(const std::string& text) {
  Outcome outcome;
  outcome.output = TextOutput{text, {}, {}};
  return outcome;
}

ReasoningOptions in_split(Split split, std::uint64_t seed = 1) {
  ReasoningOptions options;
  options.split = split;
  options.seed = seed;
  return options;
}

}  // namespace

TEST_CASE("the reference answers follow from the questions") {
  std::map<std::string, int> checked;
  for (const auto& family : reasoning::family_names()) {
    for (int difficulty = 1; difficulty <= 6; ++difficulty) {
      for (std::uint64_t i = 0; i < 400; ++i) {
        RandomStream random(3, i, static_cast<std::uint32_t>(difficulty), 0);
        const auto problem = reasoning::make_problem(family, random, difficulty);
        CAPTURE(problem.question);
        REQUIRE(!problem.answer.empty());
        if (family == "program") {
          const auto source = problem.question.substr(problem.question.find('\n') + 1);
          REQUIRE(reasoning::run_program(source).output == problem.answer);
        } else {
          REQUIRE(question_solver::solve(problem.question) == problem.answer);
        }
        ++checked[family];
      }
    }
  }
  CHECK(checked.size() == 4);
}

TEST_CASE("difficulty is the number of steps") {
  for (const auto& family : reasoning::family_names()) {
    double before = 0;
    for (int difficulty = 1; difficulty <= 6; ++difficulty) {
      double steps = 0;
      for (std::uint64_t i = 0; i < 200; ++i) {
        RandomStream random(4, i, static_cast<std::uint32_t>(difficulty), 0);
        const auto problem = reasoning::make_problem(family, random, difficulty);
        CHECK(problem.difficulty == difficulty);
        CHECK(static_cast<int>(problem.steps.size()) >= difficulty);
        steps += static_cast<double>(problem.steps.size());
      }
      CHECK(steps > before);
      before = steps;
    }
  }
}

TEST_CASE("no prompt is in two splits, over 100,000 problems and other seeds") {
  std::unordered_map<std::string, Split> seen;
  std::size_t drawn = 0;
  for (const Split split : {Split::train, Split::calibration, Split::test}) {
    const std::uint64_t count = split == Split::train ? 80000 : 10000;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto problem = draw_problem(in_split(split, 1 + i % 3), i, Purpose::training);
      const auto [place, fresh] = seen.emplace(problem.prompt(), split);
      REQUIRE((fresh || place->second == split));
      ++drawn;
    }
  }
  CHECK(drawn == 100000);
}

TEST_CASE("the splits take their share of the problems") {
  int test = 0, calibration = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    RandomStream random(5, i, 0, 0);
    const auto prompt = reasoning::make_problem("arithmetic", random, 3).prompt();
    test += split_of_prompt(prompt) == Split::test ? 1 : 0;
    calibration += split_of_prompt(prompt) == Split::calibration ? 1 : 0;
  }
  // 1,000 expected each, standard deviation 31.
  CHECK(std::abs(test - 1000) < 130);
  CHECK(std::abs(calibration - 1000) < 130);
}

TEST_CASE("drawing is deterministic and depends on the seed") {
  const auto options = in_split(Split::train);
  std::set<std::string> first, other;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto problem = draw_problem(options, i, Purpose::training);
    CHECK(draw_problem(options, i, Purpose::training).prompt() == problem.prompt());
    first.insert(problem.prompt());
    other.insert(draw_problem(in_split(Split::train, 2), i, Purpose::training).prompt());
  }
  int common = 0;
  for (const auto& prompt : first) common += other.contains(prompt) ? 1 : 0;
  CHECK(common < 10);
}

TEST_CASE("the task has distinct prompts, balanced groups and stable names") {
  ReasoningOptions options;
  options.samples = 240;
  const ReasoningTask task(options), again(options);
  REQUIRE(task.size() == 240);
  std::set<std::string> prompts, ids;
  std::map<std::string, int> groups;
  for (std::size_t i = 0; i < task.size(); ++i) {
    const Sample sample = task.sample(i);
    const auto& input = std::any_cast<const TextInput&>(sample.input);
    CHECK(sample.index == i);
    CHECK(input.prompt.ends_with("\nAnswer:"));
    CHECK(split_of_prompt(input.prompt) == Split::test);
    CHECK(std::any_cast<TextInput>(again.sample(i).input).prompt == input.prompt);
    prompts.insert(input.prompt);
    ids.insert(sample.id);
    ++groups[sample.group];
  }
  CHECK(prompts.size() == 240);
  CHECK(ids.size() == 240);
  CHECK(groups.size() == 24);
  for (const auto& [group, count] : groups) CHECK(count == 10);
}

TEST_CASE("scoring is robust") {
  ReasoningOptions options;
  options.samples = 48;
  const ReasoningTask task(options);
  for (std::size_t i = 0; i < task.size(); ++i) {
    const Sample sample = task.sample(i);
    const std::string reference = std::any_cast<TextInput>(sample.input).reference;
    CAPTURE(reference);
    const auto value = [&](const std::string& text) { return task.score(sample, answering(text)).front().value; };
    CHECK(value(" step.\n#### " + reference) == 1);
    CHECK(value(" step.\n####" + reference + ".  \n") == 1);
    CHECK(value(" step.\n#### " + reference + "9") == 0);
    CHECK(value("") == 0);
    CHECK(value("####") == 0);
    CHECK(value(" it never ends and ends and") == 0);
  }
}

TEST_CASE("bad options are one clear error") {
  ReasoningOptions options;
  options.families = {"arithmetik"};
  CHECK_THROWS_WITH_AS(ReasoningTask{options}, doctest::Contains("arithmetik"), Error);
  options.families = {"arithmetic"};
  options.difficulties = {7};
  CHECK_THROWS_AS(ReasoningTask{options}, Error);
  options.difficulties = {};
  CHECK_THROWS_AS(ReasoningTask{options}, Error);
  options.difficulties = {1};
  options.samples = 0;
  CHECK_THROWS_AS(ReasoningTask{options}, Error);
  options.families = {"commonsense"};
  options.samples = 1'000'000;
  CHECK_THROWS_AS(ReasoningTask{options}, Error);
  CHECK_THROWS_AS(parse_split("tests"), Error);
}
