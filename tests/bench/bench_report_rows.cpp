// What a measured row costs on its way to disk: part of the bench loop's overhead between two runs.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>

#include "report/run_folder.hpp"
#include "report/table.hpp"

namespace {

using namespace dynexec;

SampleRow row() {
  SampleRow row;
  row.config = "quickstart";
  row.path = "draft-cost-aware";
  row.method = "speculative";
  row.sample_id = "test-000123";
  row.latency_ms = 12.345678901234;
  row.cpu_ms = 24.1;
  row.ttft_ms = 1.0 / 3;
  row.cost.macs = 123456789012.0;
  row.quality = 1;
  row.output_hash = "00ff00ff00ff00ff";
  return row;
}

void format_row(benchmark::State& state) {
  const SampleRow sample = row();
  for (auto _ : state) benchmark::DoNotOptimize(csv_line(sample));
}
BENCHMARK(format_row);

void write_row(benchmark::State& state) {
  std::string folder = (std::filesystem::temp_directory_path() / "dynexec-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    state.SkipWithError("no temporary folder");
    return;
  }
  {
    RunFolder run(folder, {"quickstart", "seed: 1\n", {}});
    run.start();
    const std::vector<SampleRow> block(8, row());
    for (auto _ : state) run.write_block(block, {});
    state.counters["per_row"] = benchmark::Counter(static_cast<double>(state.iterations() * 8),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(write_row);

}  // namespace
