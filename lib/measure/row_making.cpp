#include "measure/row_making.hpp"

#include <array>
#include <utility>

namespace dynexec {
namespace {

// Scores that have a column of their own, whichever of them is the quality.
constexpr std::array<std::pair<const char*, double SampleRow::*>, 3> kNamedScores{
    {{"psnr_db", &SampleRow::psnr_db},
     {"feature_distance", &SampleRow::feature_distance},
     {"attribute_accuracy", &SampleRow::attribute_accuracy}}};

}  // namespace

SampleRow row_without_figures(const RowOrigin& origin, const PathInfo& path, const Sample& sample) {
  SampleRow row;
  row.config = origin.config;
  row.path = path.name;
  row.method = path.method;
  row.sample_id = sample.id;
  row.group = sample.group;
  row.sample = static_cast<std::int64_t>(sample.index);
  row.repetition = origin.repetition;
  row.seed = origin.seed;
  row.threads = origin.threads;
  row.quality_metric = origin.task.quality_metric();
  return row;
}

void fill_from_outcome(const Task& task, const Sample& sample, const Outcome& outcome, SampleRow& row) {
  const std::vector<Score> scores = task.score(sample, outcome);
  if (!scores.empty()) row.quality = scores.front().value;
  for (const Score& score : scores)
    for (const auto& [name, figure] : kNamedScores)
      if (score.metric == name) row.*figure = score.value;
  row.cost = outcome.cost;
  row.exit = outcome.exit;
  row.sampling = outcome.sampling;
  if (row.repetition == 0) row.features = task.features(sample, outcome);
}

}  // namespace dynexec
