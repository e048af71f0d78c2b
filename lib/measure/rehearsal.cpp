#include "measure/rehearsal.hpp"

#include "measure/row_making.hpp"

namespace dynexec {
std::optional<std::vector<SampleRow>> rehearse_paths(Experiment& experiment, std::span<const std::size_t> places,
                                                     const BenchOptions& options, const RehearsalRequest& request) {
  const Task& task = *experiment.task;
  const RowOrigin origin{task, request.config, options.seed, request.threads, 0};
  for (const std::size_t place : places)
    if (!experiment.paths[place]->rehearses()) return std::nullopt;
  for (const std::size_t place : places) experiment.paths[place]->prepare();
  std::vector<SampleRow> rows;
  rows.reserve(places.size() * task.size());
  for (std::size_t i = 0; i < task.size(); ++i) {
    const Sample sample = task.sample(i);
    for (const std::size_t place : places) {
      Path& path = *experiment.paths[place];
      SampleRow row = row_without_figures(origin, path.info(), sample);
      std::string error = failure_of([&] {
        const Outcome outcome = path.rehearse(sample, {options.seed, sample.index, 0});
        fill_from_outcome(task, sample, outcome, row);
      });
      if (!error.empty()) {
        row = row_without_figures(origin, path.info(), sample);
        row.error = std::move(error);
      }
      rows.push_back(std::move(row));
    }
    if (request.progress) request.progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(task.size()));
  }
  return rows;
}

}  // namespace dynexec
