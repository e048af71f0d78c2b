// dynexec trace: what every path decides on a few samples, and the pictures that come of it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/known_name.hpp"
#include "base/progress.hpp"
#include "base/resource_path.hpp"
#include "cli/bench_bar.hpp"
#include "cli/commands.hpp"
#include "config/node.hpp"
#include "experiments/pictures.hpp"
#include "experiments/registry.hpp"
#include "image/grid.hpp"
#include "image/png.hpp"
#include "measure/options.hpp"
#include "measure/threads.hpp"
#include "report/expect.hpp"

namespace dynexec::cli {
namespace {

constexpr std::int64_t kReadableSide = 96;  // pictures are enlarged to about this many pixels

nlohmann::json head_of(const Path& path, const Sample& sample, const std::vector<Score>& scores) {
  nlohmann::json line{{"path", path.info().name}, {"sample", sample.index}, {"sample_id", sample.id}};
  for (const Score& score : scores) line[score.metric] = score.value;
  return line;
}

std::string label_of(const Outcome& outcome, const std::vector<Score>& scores) {
  std::string text;
  if (outcome.sampling.steps >= 0) text = fmt::format("{} steps", outcome.sampling.steps);
  if (!scores.empty()) text += fmt::format("\n{} {:.2f}", scores.front().metric, scores.front().value);
  return text;
}

// Takes the other paths out of the experiment, in the order of the config. No names: all stay.
void keep_paths(Experiment& experiment, const std::vector<std::string>& wanted, const std::vector<std::string>& names) {
  for (const std::string& name : wanted)
    require_known_name(name, names, fmt::format("the config has no path '{}'", name), "--paths");
  if (wanted.empty()) return;
  std::erase_if(experiment.paths, [&](const std::unique_ptr<Path>& path) {
    return std::find(wanted.begin(), wanted.end(), path->info().name) == wanted.end();
  });
}

// Runs the samples and prints the decisions, one JSON object a line.
PictureGrid run(Experiment& experiment, const BenchOptions& options, std::int64_t samples, bool quiet) {
  PictureGrid grid;
  const auto paths = static_cast<std::uint64_t>(experiment.paths.size());
  Progress bar({.label = "trace",
                .total = static_cast<std::uint64_t>(samples) * paths,
                .unit = "runs",
                .enabled = !quiet,
                .clock = {}});
  for (const auto& path : experiment.paths) {
    throw_if_interrupted();
    path->prepare();
    grid.columns.push_back(path->info().name);
  }
  for (std::int64_t i = 0; i < samples; ++i) {
    const Sample sample = experiment.task->sample(static_cast<std::size_t>(i));
    const Streams streams{options.seed, sample.index, 0};
    GridRow row{.title = text_of_picture(sample)};
    for (const auto& path : experiment.paths) {
      throw_if_interrupted();
      const Outcome outcome = path->run({&sample, 1}, {&streams, 1}, {.trace = true}).front();
      const std::vector<Score> scores = experiment.task->score(sample, outcome);
      nlohmann::json line = head_of(*path, sample, scores);
      for (const std::string& decision : outcome.trace) {
        line["decision"] = nlohmann::json::parse(decision);
        print(line.dump() + "\n");
      }
      if (auto picture = picture_of(outcome)) row.cells.push_back({std::move(*picture), label_of(outcome, scores)});
      bar.advance(1);
    }
    if (!row.cells.empty()) grid.rows.push_back(std::move(row));
  }
  bar.finish();
  return grid;
}

}  // namespace

int trace(const TraceArgs& args) {
  const Config config = Config::load(resolve_path(args.config).string(), args.overrides);
  const Node root = config.root();
  (void)read_run_name(root);
  const BenchOptions options = read_bench_options(root.section("bench"));
  Experiment experiment = build_experiment(root);
  std::vector<std::string> names;
  for (const auto& path : experiment.paths) names.push_back(path->info().name);
  (void)read_expectations(root, names);
  config.reject_unread();
  keep_paths(experiment, args.paths, names);
  install_interrupt_handler();
  (void)choose_threads(experiment, args.threads > 0 ? args.threads : options.threads, available_cpus());
  const auto samples = std::min<std::int64_t>(args.samples, static_cast<std::int64_t>(experiment.task->size()));
  const PictureGrid grid = run(experiment, options, samples, args.quiet);
  if (args.picture.empty()) return 0;
  if (grid.rows.empty())
    throw Error(ErrorKind::usage, "this experiment makes no pictures", "--picture", "leave the option out");
  const std::int64_t side = grid.rows.front().cells.front().picture.width;
  write_png(args.picture, compose_grid(grid, {.zoom = std::max<std::int64_t>(1, kReadableSide / side)}));
  fmt::print(stderr, "pictures: {}\n", args.picture);
  return 0;
}

}  // namespace dynexec::cli
