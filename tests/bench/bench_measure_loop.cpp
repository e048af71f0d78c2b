// Overhead of the bench loop per row on a path that does nothing: must stay under 50 microseconds.
#include <benchmark/benchmark.h>

#include "measure/bench_loop.hpp"
#include "measure/summary.hpp"

namespace {

using namespace dynexec;

struct EmptyTask : Task {
  std::size_t size() const override { return 1000; }
  Sample sample(std::size_t index) const override { return {index, "sample", "", {}}; }
  std::vector<Score> score(const Sample&, const Outcome&) const override { return {{"exact_match", 1.0}}; }
  std::string quality_metric() const override { return "exact_match"; }
};

struct EmptyPath : Path {
  PathInfo about;
  const PathInfo& info() const override { return about; }
  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams>, const RunRequest&) override {
    std::vector<Outcome> outcomes(samples.size());
    for (Outcome& outcome : outcomes) outcome.output = TextOutput{"text", std::vector<std::int32_t>(64, 7), {}};
    return outcomes;
  }
  std::optional<Mismatch> compare(const Outcome&, const Outcome&) const override { return std::nullopt; }
};

struct NullSink : RowSink {
  void write_block(std::span<const SampleRow> rows, std::span<const TraceRecord>) override {
    benchmark::DoNotOptimize(rows.data());
  }
};

Experiment empty_experiment(int paths) {
  Experiment experiment;
  experiment.task = std::make_shared<EmptyTask>();
  for (int i = 0; i < paths; ++i) {
    auto path = std::make_unique<EmptyPath>();
    path->about = {"path" + std::to_string(i), "empty", "", i > 0};
    experiment.paths.push_back(std::move(path));
  }
  return experiment;
}

BenchOptions one_repetition() {
  BenchOptions options;
  options.repetitions = 1;
  options.warmup_min = options.warmup_max = 0;
  return options;
}

void loop_per_row(benchmark::State& state) {
  const int paths = static_cast<int>(state.range(0));
  Experiment experiment = empty_experiment(paths);
  const BenchOptions options = one_repetition();
  NullSink sink;
  for (auto _ : state) run_bench(experiment, options, {}, sink);
  const double rows = static_cast<double>(state.iterations()) * 1000 * paths;
  state.counters["per_row"] = benchmark::Counter(rows, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(loop_per_row)->Arg(1)->Arg(2)->Arg(10)->Unit(benchmark::kMillisecond);

// 1,000 samples by 10 paths by 3 repetitions with BCa intervals.
void summary_of_a_large_run(benchmark::State& state) {
  Experiment experiment = empty_experiment(10);
  BenchOptions options = one_repetition();
  options.repetitions = 3;
  NullSink sink;
  const BenchResult result = run_bench(experiment, options, {}, sink);
  const SummaryFacts facts = summary_facts(experiment);
  for (auto _ : state) benchmark::DoNotOptimize(summarise(result.rows, options, facts));
}
BENCHMARK(summary_of_a_large_run)->Unit(benchmark::kMillisecond);

void system_clock_reading(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(system_clock().begin());
}
BENCHMARK(system_clock_reading);

}  // namespace
