#include "data/reasoning_task.hpp"

#include <unordered_set>

#include "base/error.hpp"
#include "data/answer.hpp"

namespace dynexec {
namespace {

constexpr std::uint64_t kSplitParts = 20;
constexpr int kMaxDraws = 20000;

// FNV-1a with a final mix; part of the definition of the splits: never change it.
std::uint64_t prompt_hash(const std::string& prompt) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : prompt) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  return hash ^ (hash >> 33);
}

void check(const ReasoningOptions& options) {
  const auto fail = [](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::config, what, "reasoning task", hint);
  };
  if (options.families.empty()) fail("no family is listed", "list at least one, for example [arithmetic]");
  if (options.difficulties.empty()) fail("no difficulty is listed", "list at least one between 1 and 6");
  if (options.samples < 1) fail("samples must be at least 1", "set samples to 1 or more");
}

reasoning::Problem draw_in_split(const std::string& family, int difficulty, Split split, RandomStream& random) {
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    reasoning::Problem problem = reasoning::make_problem(family, random, difficulty);
    if (split_of_prompt(problem.prompt()) == split) return problem;
  }
  throw Error(ErrorKind::internal, "no problem of " + family + " falls into the " + split_name(split) + " split",
              "reasoning task", "report this as a bug");
}

}  // namespace

Split parse_split(const std::string& name) {
  static const std::vector<std::string> names{"train", "calibration", "test"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Split>(i);
  }
  const std::string near = nearest_name(name, names);
  throw Error(ErrorKind::config, "unknown split '" + name + "'", "reasoning task",
              near.empty() ? "choose among train, calibration, test" : "did you mean '" + near + "'?");
}

std::string split_name(Split split) {
  return split == Split::train ? "train" : split == Split::calibration ? "calibration" : "test";
}

Split split_of_prompt(const std::string& prompt) {
  const std::uint64_t part = prompt_hash(prompt) % kSplitParts;
  return part == 0 ? Split::test : part == 1 ? Split::calibration : Split::train;
}

reasoning::Problem draw_problem(const ReasoningOptions& options, std::uint64_t index, Purpose purpose) {
  check(options);
  RandomStream random(options.seed, index, 0, static_cast<std::uint32_t>(purpose));
  const auto& family = options.families[static_cast<std::size_t>(random.below(options.families.size()))];
  const int difficulty = options.difficulties[static_cast<std::size_t>(random.below(options.difficulties.size()))];
  return draw_in_split(family, difficulty, options.split, random);
}

ReasoningTask::ReasoningTask(const ReasoningOptions& options) {
  check(options);
  std::unordered_set<std::string> seen;
  const std::size_t families = options.families.size(), levels = options.difficulties.size();
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.samples); ++i) {
    RandomStream random(options.seed, i, 0, static_cast<std::uint32_t>(Purpose::task));
    const std::string& family = options.families[i % families];
    const int difficulty = options.difficulties[i / families % levels];
    reasoning::Problem problem;
    int draw = 0;
    do {
      if (++draw > kMaxDraws) {
        throw Error(ErrorKind::config, "there are not " + std::to_string(options.samples) + " distinct problems",
                    family + "/" + std::to_string(difficulty), "ask for fewer samples or more families");
      }
      problem = draw_in_split(family, difficulty, options.split, random);
    } while (!seen.insert(problem.prompt()).second);
    const std::string group = family + "/" + std::to_string(difficulty);
    samples_.push_back({i, split_name(options.split) + "/" + group + "/" + std::to_string(i), group,
                        TextInput{problem.prompt(), problem.answer, problem.solution()}});
  }
}

std::vector<Score> ReasoningTask::score(const Sample& sample, const Outcome& outcome) const {
  const auto& input = std::any_cast<const TextInput&>(sample.input);
  const auto& output = std::any_cast<const TextOutput&>(outcome.output);
  return {{"exact_match", answers_match(output.text, input.reference) ? 1.0 : 0.0}};
}

}  // namespace dynexec
