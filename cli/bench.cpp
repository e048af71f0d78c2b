// dynexec bench: configs, measured one after another, each written to its run folder and printed.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/resource_path.hpp"
#include "cli/bench_bar.hpp"
#include "cli/commands.hpp"
#include "cli/path_bar.hpp"
#include "cli/versions.hpp"
#include "config/node.hpp"
#include "experiments/registry.hpp"
#include "measure/bandwidth.hpp"
#include "measure/bench_loop.hpp"
#include "measure/environment.hpp"
#include "measure/summary.hpp"
#include "report/expect.hpp"
#include "report/run_folder.hpp"

namespace dynexec::cli {
namespace {

std::vector<std::string> with_flags(const BenchArgs& args) {
  std::vector<std::string> overrides = args.overrides;
  if (args.threads > 0) overrides.push_back(fmt::format("bench.threads={}", args.threads));
  if (args.trace) overrides.emplace_back("bench.trace=true");
  return overrides;
}

struct Conditions {
  Expectations expected;
  std::vector<Condition> fail_if;

  // Prints what does not hold; the exit code of the run.
  int report(std::span<const SummaryRow> rows) const {
    int code = 0;
    for (const Condition& condition : fail_if)
      for (const std::string& message : held_conditions(condition, rows)) {
        fmt::print(stderr, "fail-if: {}\n", message);
        code = 3;
      }
    const std::vector<std::string> broken = broken_expectations(expected, rows);
    for (const std::string& message : broken) fmt::print(stderr, "expectation broken: {}\n", message);
    return broken.empty() ? code : 1;
  }
};

struct Run {
  std::string name;
  BenchOptions options;
  Experiment experiment;
  Conditions conditions;
  RunIdentity identity;
  bool quiet = false;
};

std::vector<std::string> path_names(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const auto& path : experiment.paths) names.push_back(path->info().name);
  return names;
}

std::vector<SummaryRow> measure(Run& run, RunFolder& folder, std::vector<SampleRow> rows) {
  const int cpus = available_cpus();
  // A resumed run goes on with the threads of its rows.
  const int wanted = rows.empty() ? run.options.threads : rows.front().threads;
  const ThreadChoice threads = choose_threads(run.experiment, wanted, cpus);
  const Bandwidth& bandwidth = read_bandwidth(cpus);
  const std::unique_ptr<EnergyMeter> energy = make_energy_meter(run.options.energy);
  nlohmann::json environment = describe_environment({.versions = library_versions(),
                                                     .threads = &threads,
                                                     .bandwidth = &bandwidth,
                                                     .energy = energy.get(),
                                                     .experiment = &run.experiment});
  if (!rows.empty()) continue_environment(environment, folder.environment());
  folder.write_environment(environment.dump(2));

  DoneSet done;
  for (const SampleRow& row : rows) done.add(row);
  BenchBar bar("bench " + run.name, !run.quiet);
  const BenchRequest request{.config = run.name,
                             .threads = threads.threads,
                             .read_gb_per_s = bandwidth.at(threads.threads),
                             .energy = energy.get(),
                             .clock = nullptr,
                             .progress = [&bar](const BenchProgress& progress) { bar.update(progress); }};
  BenchResult result = run_bench(run.experiment, run.options, request, folder, done);
  bar.finish();

  rows.insert(rows.end(), std::make_move_iterator(result.rows.begin()), std::make_move_iterator(result.rows.end()));
  SummaryFacts facts = summary_facts(run.experiment);
  facts.energy_source = energy->source();
  facts.cpus = cpus;
  facts.stopped_by_max_time = result.stopped_by_max_time;
  PathBar paths("summary", !run.quiet);
  std::vector<SummaryRow> summary =
      summarise(rows, run.options, facts, [&paths](std::size_t done, std::size_t of) { paths.update(done, of); });
  add_warmup(environment, run.experiment, result);
  finish_environment(environment);
  folder.write_environment(environment.dump(2));
  folder.finish(summary, facts.reference_features);
  return summary;
}

using Show = std::function<void(const std::vector<SummaryRow>&)>;

// Measures a config and shows its summary; with --dry-run prints the config instead. Returns the exit code.
int bench_config(const std::string& name, const BenchArgs& args, const Show& show) {
  const Config config = Config::load(resolve_path(name).string(), with_flags(args));
  const Node root = config.root();
  Run run;
  run.name = read_run_name(root);
  run.options = read_bench_options(root.section("bench"));
  run.quiet = args.quiet;
  run.experiment = build_experiment(root);
  const std::vector<std::string> names = path_names(run.experiment);
  run.conditions.expected = read_expectations(root, names);
  for (const std::string& text : args.fail_if) run.conditions.fail_if.push_back(parse_condition(text, names));
  config.reject_unread();
  if (args.dry_run) {
    print(config.resolved_yaml());
    return 0;
  }

  run.identity = {run.name, config.resolved_yaml(), run.experiment.provenance};
  RunFolder folder(args.out, run.identity);
  std::vector<SummaryRow> summary;
  if (args.resume && folder.state() == RunState::done) {
    fmt::print(stderr, "{} is finished; nothing to resume\n", folder.path());
    summary = folder.summary();
  } else {
    install_interrupt_handler();
    std::vector<SampleRow> rows;
    if (args.resume)
      rows = folder.resume(names, static_cast<std::int64_t>(run.experiment.task->size()), run.options.batch_size);
    else
      folder.start();
    try {
      summary = measure(run, folder, std::move(rows));
    } catch (const std::exception& error) {
      folder.fail(error.what());
      throw;
    }
  }
  show(summary);
  fmt::print(stderr, "rows and summary: {}\n\n", folder.path());
  return run.conditions.report(summary);
}

}  // namespace

int bench(const BenchArgs& args) {
  const Format format = parse_format(args.format);
  const bool tables = format == Format::table || format == Format::md;
  std::vector<std::string> configs = args.configs;
  if (configs.empty()) configs = {"configs/quickstart.yaml", "configs/quickstart_early_exit.yaml"};
  std::vector<SummaryRow> rows;  // of all configs: one document for programs
  int code = 0;
  for (const std::string& name : configs) {
    const auto show = [&](const std::vector<SummaryRow>& summary) {
      rows.insert(rows.end(), summary.begin(), summary.end());
      if (tables) print(render_summary(summary, format, stdout_style()) + "\n");
    };
    code = std::max(code, bench_config(name, args, show));
  }
  if (!tables && !args.dry_run) print(render_summary(rows, format, stdout_style()));
  return code;
}

}  // namespace dynexec::cli
