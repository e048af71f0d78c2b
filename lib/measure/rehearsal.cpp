#include "measure/rehearsal.hpp"

#include <exception>

#include "base/error.hpp"

namespace dynexec {
namespace {

SampleRow row_of(const Path& path, const Sample& sample, const Task& task, const BenchOptions& options,
                 const RehearsalRequest& request) {
  SampleRow row;
  row.config = request.config;
  row.path = path.info().name;
  row.method = path.info().method;
  row.sample_id = sample.id;
  row.group = sample.group;
  row.sample = static_cast<std::int64_t>(sample.index);
  row.seed = options.seed;
  row.threads = request.threads;
  row.quality_metric = task.quality_metric();
  return row;
}

void fill(Path& path, const Sample& sample, const Task& task, const BenchOptions& options, SampleRow& row) {
  try {
    const Outcome outcome = path.rehearse(sample, {options.seed, sample.index, 0});
    const std::vector<Score> scores = task.score(sample, outcome);
    row.cost = outcome.cost;
    if (!scores.empty()) row.quality = scores.front().value;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::internal) throw;
    row.error = error.where().empty() ? error.message() : error.where() + ": " + error.message();
  } catch (const std::exception& error) {
    const std::string text = error.what();
    row.error = text.empty() ? "unknown exception" : text;
  }
}

}  // namespace

std::optional<std::vector<SampleRow>> rehearse_paths(Experiment& experiment, std::span<const std::size_t> places,
                                                     const BenchOptions& options, const RehearsalRequest& request) {
  const Task& task = *experiment.task;
  for (const std::size_t place : places)
    if (!experiment.paths[place]->rehearses()) return std::nullopt;
  for (const std::size_t place : places) experiment.paths[place]->prepare();
  std::vector<SampleRow> rows;
  rows.reserve(places.size() * task.size());
  for (std::size_t i = 0; i < task.size(); ++i) {
    const Sample sample = task.sample(i);
    for (const std::size_t place : places) {
      Path& path = *experiment.paths[place];
      rows.push_back(row_of(path, sample, task, options, request));
      fill(path, sample, task, options, rows.back());
    }
    if (request.progress) request.progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(task.size()));
  }
  return rows;
}

}  // namespace dynexec
