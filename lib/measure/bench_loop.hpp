// The bench loop: blocked, paired and randomised measurement of all paths of an experiment.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "measure/clock.hpp"
#include "measure/energy.hpp"
#include "measure/options.hpp"
#include "measure/resume.hpp"
#include "measure/rows.hpp"

namespace dynexec {

// The decisions of one outcome, for traces.jsonl.
struct TraceRecord {
  std::int64_t sample = 0, repetition = 0;
  std::string sample_id, path;
  std::vector<std::string> lines;  // one JSON object each
};

// Receives complete blocks only, so that a file of whole writes can always be resumed.
class RowSink {
 public:
  virtual ~RowSink() = default;
  // rows: every path of the block, in the order of the experiment's paths and then of the samples. An
  // exception ends the run.
  virtual void write_block(std::span<const SampleRow> rows, std::span<const TraceRecord> traces) = 0;
};

struct BenchProgress {
  enum class Stage { prepare, warmup, measure } stage = Stage::measure;
  std::string path;  // prepare and warmup
  // Blocks; total grows while min_time_s asks for more repetitions.
  std::int64_t done = 0, total = 0;
  double elapsed_s = 0;
};

struct BenchRequest {
  std::string config;               // the rows' config column
  int threads = 1;                  // already set in the experiment; see choose_threads
  double read_gb_per_s = kMissing;  // for bandwidth_share
  EnergyMeter* energy = nullptr;
  Clock* clock = nullptr;  // null: system_clock()
  bool analyse = true;     // false: no theory line and oracle, which may cost as much as the run itself
  // Called between runs, never during one. May throw Error(interrupted): what was written stays resumable.
  std::function<void(const BenchProgress&)> progress;
};

// What the loop learned about a path besides its rows.
struct PathWarmup {
  std::int64_t runs = 0;
  bool stable = false;   // the coefficient of variation fell below the bound
  double cv = kMissing;  // of the last runs
  double cpu_share = 1;  // CPU time over wall time of its fastest run: what an undisturbed row uses
};

struct BenchResult {
  std::vector<SampleRow> rows;  // measured by this call, as written to the sink
  std::vector<PathWarmup> warmup;
  std::int64_t repetitions = 0;  // complete ones, with those of `done`
  bool stopped_by_max_time = false;
  double elapsed_s = 0;
  std::string peak_memory_method;
};

// Measures every path on every sample: in each repetition each sample runs through all paths in a fresh
// random order. A sample that fails in a path (dynexec::Error or another std::exception from run, analyse,
// score or compare) gives a row without figures and with the error's text, and the run goes on;
// Error(interrupted) and Error(internal) end it. With batch_size > 1 a block is that many consecutive samples
// in one Path::run call, and latency, CPU time and energy of each of its rows are the call's divided by their
// number. The path's threads are as the caller set them. Throws Error(config) for an experiment without task,
// samples or paths or with two paths of one name.
BenchResult run_bench(Experiment& experiment, const BenchOptions& options, const BenchRequest& request, RowSink& sink,
                      const DoneSet& done = {});

}  // namespace dynexec
