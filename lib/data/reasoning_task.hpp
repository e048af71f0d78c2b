// The procedural reasoning task: four families of problems with worked steps at six difficulties, in disjoint splits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/reasoning/problem.hpp"
#include "measure/contract.hpp"

namespace dynexec {

enum class Split { train, calibration, test };
Split parse_split(const std::string& name);  // Error(config) with "did you mean"
std::string split_name(Split split);

// The split that a problem belongs to: a hash of its prompt decides (1/20 test, 1/20 calibration, the rest train),
// so that no prompt can ever be in two splits, whatever seeds and options were used to draw it.
Split split_of_prompt(const std::string& prompt);

struct ReasoningOptions {
  Split split = Split::test;
  std::vector<std::string> families = reasoning::family_names();
  std::vector<int> difficulties = {1, 2, 3, 4, 5, 6};
  std::int64_t samples = 200;
  std::uint64_t seed = 1;
};

// Problem number `index` of an endless stream: draws from (seed, index) until the problem falls into `split`.
// Family and difficulty are drawn uniformly from the lists. Any index can be drawn alone.
reasoning::Problem draw_problem(const ReasoningOptions& options, std::uint64_t index, Purpose purpose);

class ReasoningTask : public Task {
 public:
  // Families and difficulties alternate, so that every group has the same share; prompts are distinct. Error(config)
  // for bad options, also when so many distinct problems do not exist.
  explicit ReasoningTask(const ReasoningOptions& options);

  std::size_t size() const override { return samples_.size(); }
  Sample sample(std::size_t index) const override { return samples_.at(index); }
  // exact_match: 1 when the final answer of the output's text equals the reference, else 0.
  std::vector<Score> score(const Sample& sample, const Outcome& outcome) const override;
  std::string quality_metric() const override { return "exact_match"; }

 private:
  std::vector<Sample> samples_;
};

}  // namespace dynexec
