// dynexec tune: the fastest setting of every path whose loss is bounded, as a config that bench then reports on.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/known_name.hpp"
#include "base/resource_path.hpp"
#include "cli/bench_bar.hpp"
#include "cli/commands.hpp"
#include "config/variants.hpp"
#include "experiments/registry.hpp"
#include "measure/threads.hpp"
#include "measure/tune.hpp"
#include "report/expect.hpp"
#include "report/tuning.hpp"

namespace dynexec::cli {
namespace {

constexpr const char* kHeldOut = "calibration.held_out=0.75";

std::vector<std::string> concat(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::vector<Knob> wanted_knobs(const Node& root, const std::vector<std::string>& wanted) {
  std::vector<Knob> knobs = experiment_knobs(root);
  if (knobs.empty())
    root.at("paths").fail("has no path with a setting to tune", "add a path with a threshold or a length");
  if (wanted.empty()) return knobs;
  std::vector<std::string> names;
  for (const Knob& knob : knobs) names.push_back(knob.name);
  for (const std::string& name : wanted)
    require_known_name(name, names, fmt::format("no path '{}' with a setting to tune", name), "--path");
  std::erase_if(knobs,
                [&](const Knob& knob) { return std::find(wanted.begin(), wanted.end(), knob.name) == wanted.end(); });
  return knobs;
}

// Everything that bench reads, so that what it would refuse is refused before anything is measured.
std::string resolved(const Config& config) {
  const Node root = config.root();
  (void)read_run_name(root);
  (void)read_bench_options(root.section("bench"));
  const Experiment experiment = build_experiment(root);
  std::vector<std::string> names;
  for (const auto& path : experiment.paths) names.push_back(path->info().name);
  (void)read_expectations(root, names);
  config.reject_unread();
  return config.resolved_yaml();
}

// The baseline, then a path for every value of every knob.
std::vector<ItemVariant> all_settings(const std::vector<Knob>& knobs, std::vector<TuneLadder>& ladders) {
  std::vector<ItemVariant> items{{.index = 0, .values = {}}};
  for (const Knob& knob : knobs) {
    TuneLadder ladder{.path = knob.name, .key = knob.key, .values = knob.values, .places = {}, .lossy = knob.lossy};
    for (const double value : knob.values) {
      const std::string text = fmt::format("{:g}", value);
      ladder.places.push_back(items.size());
      items.push_back({knob.path, {{"name", knob.name + " " + knob.key + " " + text}, {knob.key, text}}});
    }
    ladders.push_back(std::move(ladder));
  }
  return items;
}

std::vector<TunedPath> measure(const std::string& path, std::vector<std::string> overrides,
                               const std::vector<Knob>& knobs, const TuneArgs& args, const TuneOptions& options) {
  std::vector<TuneLadder> ladders;
  const Config config = Config::load(path, overrides);
  overrides.push_back(items_override("paths", config.root().at("paths"), all_settings(knobs, ladders)));
  overrides.emplace_back("calibration.measure_held_out=true");
  const Config settings = Config::load(path, overrides);
  const Node root = settings.root();
  const BenchOptions bench = read_bench_options(root.section("bench"));
  Experiment experiment = build_experiment(root);
  const std::string name = read_run_name(root);
  install_interrupt_handler();
  const ThreadChoice threads = choose_threads(experiment, bench.threads, available_cpus());
  BenchBar bar("tune " + name, !args.quiet);
  const auto show = [&bar](const BenchProgress& progress) {
    throw_if_interrupted();
    if (progress.stage == BenchProgress::Stage::measure) bar.update(progress);
  };
  std::vector<TunedPath> tuned =
      tune_paths(experiment, std::move(ladders), options, bench,
                 {.config = name, .threads = threads.threads, .analyse = false, .progress = show});
  bar.finish();
  return tuned;
}

}  // namespace

int tune(const TuneArgs& args) {
  const Format format = parse_format(args.format);
  const auto& tests = quality_test_names();
  const TuneOptions options{
      .max_quality_drop = args.max_quality_drop,
      .confidence = args.confidence,
      .by = args.by == "macs" ? TuneBy::macs : TuneBy::time,
      .test = static_cast<QualityTest>(std::find(tests.begin(), tests.end(), args.test) - tests.begin())};
  const std::string path = resolve_path(args.config).string();
  std::vector<std::string> overrides = args.overrides;
  if (args.threads > 0) overrides.push_back(fmt::format("bench.threads={}", args.threads));
  // What the methods learn from must be the same here and in the tuned config, so both hold the same samples out.
  {
    const Config given = Config::load(path, overrides);
    if (given.root().section("calibration").get_double("held_out", 0) <= 0) overrides.emplace_back(kHeldOut);
  }
  const Config plain = Config::load(path, overrides);
  const std::vector<Knob> knobs = wanted_knobs(plain.root(), args.paths);
  (void)resolved(plain);
  const std::string name = read_run_name(plain.root());
  const std::string output = args.output.empty() ? "results/tuned/" + name + ".yaml" : args.output;
  const std::string folder = std::filesystem::path(output).parent_path().string();
  require_writable_folder(folder.empty() ? "." : folder);

  const std::vector<TunedPath> tuned = measure(path, overrides, knobs, args, options);

  std::vector<std::string> choices{"name=" + name + "-tuned"};
  for (std::size_t i = 0; i < knobs.size(); ++i)
    choices.push_back(
        fmt::format("paths.{}.{}={:g}", knobs[i].path, knobs[i].key, tuned[i].rows[tuned[i].chosen].value));
  write_file_atomically(
      output, tuning_comment(tuned, options, name) + resolved(Config::load(path, concat(overrides, choices))));
  print(render_tuning(tuned, options, format, stdout_style()));
  int code = 0;
  for (const TunedPath& result : tuned) {
    const std::string why = why_untuned(result, options);
    if (why.empty()) continue;
    fmt::print(stderr, "not tuned: {}\n", why);
    code = 3;
  }
  if (!args.quiet) fmt::print(stderr, "\ntuned config: {}\n", output);
  return code;
}

}  // namespace dynexec::cli
