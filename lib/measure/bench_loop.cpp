#include "measure/bench_loop.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "measure/block_runner.hpp"
#include "measure/statistics.hpp"

namespace dynexec {
namespace {

constexpr int kWarmupSamplesTried = 3;

void check_experiment(const Experiment& experiment) {
  const auto fail = [](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::config, what, "", hint);
  };
  if (!experiment.task || experiment.task->size() == 0)
    fail("the task has no samples", "check the task section: split, limit and filters");
  if (experiment.paths.empty()) fail("the experiment has no paths", "add a paths section");
  std::set<std::string> names;
  for (const auto& path : experiment.paths)
    if (!names.insert(path->info().name).second)
      fail("two paths are named '" + path->info().name + "'", "give every path its own name");
}

double variation_of(std::span<const double> values) {
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1)) / mean;
}

class Loop {
 public:
  Loop(Experiment& experiment, const BenchOptions& options, const BenchRequest& request, RowSink& sink,
       const DoneSet& done)
      : experiment_(experiment),
        options_(options),
        request_(request),
        sink_(sink),
        done_(done),
        runner_(experiment, options, request),
        start_ns_(steady_now_ns()),
        task_size_(static_cast<std::int64_t>(experiment.task->size())),
        blocks_((task_size_ + options.batch_size - 1) / options.batch_size) {}

  BenchResult run() {
    result_.peak_memory_method = runner_.peak_memory_method();
    measured_ms_ = done_.measured_ms();
    progress_.total = blocks_ * options_.repetitions;
    bool open = true;
    for (std::int64_t repetition = 0; open && wants(repetition); ++repetition) {
      progress_.total = std::max(progress_.total, blocks_ * (repetition + 1));
      open = repeat(repetition);
      if (open) ++result_.repetitions;
    }
    result_.stopped_by_max_time = !open;
    result_.elapsed_s = elapsed_s();
    return std::move(result_);
  }

 private:
  double elapsed_s() const { return static_cast<double>(steady_now_ns() - start_ns_) * 1e-9; }

  bool wants(std::int64_t repetition) const {
    if (repetition < options_.repetitions) return true;
    return measured_ms_ < options_.min_time_s * 1e3 && repetition < kMaxRepetitions && !stalled_;
  }

  void report(BenchProgress::Stage stage, const std::string& path) {
    throw_if_interrupted();
    if (!request_.progress) return;
    progress_.stage = stage;
    progress_.path = path;
    progress_.elapsed_s = elapsed_s();
    request_.progress(progress_);
  }

  bool is_done(std::int64_t first, std::int64_t repetition) const {
    if (done_.size() == 0) return false;
    for (std::int64_t sample = first; sample < std::min(task_size_, first + options_.batch_size); ++sample)
      for (const auto& path : experiment_.paths)
        if (!done_.contains(sample, repetition, path->info().name)) return false;
    return true;
  }

  // False when the time bound stopped it.
  bool repeat(std::int64_t repetition) {
    const std::size_t rows_before = result_.rows.size();
    const double measured_before = measured_ms_;
    for (std::int64_t block = 0; block < blocks_; ++block) {
      const std::int64_t first = block * options_.batch_size;
      if (!is_done(first, repetition)) {
        if (!measuring_) begin_measuring();
        const double measuring_s = static_cast<double>(steady_now_ns() - measuring_since_ns_) * 1e-9;
        if (options_.max_time_s > 0 && measuring_s >= options_.max_time_s && !result_.rows.empty()) return false;
        measure(first, repetition);
      }
      ++progress_.done;
      report(BenchProgress::Stage::measure, "");
    }
    // Where every row fails, more repetitions never reach min_time_s.
    stalled_ = result_.rows.size() > rows_before && measured_ms_ == measured_before;
    return true;
  }

  void measure(std::int64_t first, std::int64_t repetition) {
    std::vector<TraceRecord> traces;
    std::vector<SampleRow> rows = runner_.run_block(first, repetition, cpu_shares_, traces);
    sink_.write_block(rows, traces);
    for (SampleRow& row : rows) {
      if (!std::isnan(row.latency_ms)) measured_ms_ += row.latency_ms;
      result_.rows.push_back(std::move(row));
    }
  }

  // Only when there is something to measure: a resumed run that is complete prepares nothing.
  void begin_measuring() {
    measuring_ = true;
    for (const auto& path : experiment_.paths) {
      report(BenchProgress::Stage::prepare, path->info().name);
      path->prepare();
    }
    for (std::size_t path = 0; path < experiment_.paths.size(); ++path) {
      result_.warmup.push_back(warm_up(path));
      cpu_shares_.push_back(result_.warmup.back().cpu_share);
    }
    measuring_since_ns_ = steady_now_ns();
  }

  // The same samples with the same streams in every run, so that only the machine makes a difference.
  PathWarmup warm_up(std::size_t path) {
    PathWarmup warmup;
    std::vector<double> latencies;
    std::int64_t first = 0;
    int failures = 0;
    double spent_s = 0, fastest = 0;
    std::vector<Sample> samples = runner_.samples_from(first);
    while (warmup.runs < options_.warmup_max && !warmup.stable) {
      if (warmup.runs >= options_.warmup_min && spent_s >= options_.warmup_max_s) break;
      report(BenchProgress::Stage::warmup, experiment_.paths[path]->info().name);
      const TimedRun run = runner_.run_path(path, samples, 0);
      ++warmup.runs;
      spent_s += run.wall_ms() * 1e-3;
      if (!run.error.empty()) {
        // Its row will say what is wrong; another sample may still warm the path.
        first += options_.batch_size;
        if (++failures == kWarmupSamplesTried || first >= task_size_) break;
        samples = runner_.samples_from(first);
        latencies.clear();
        continue;
      }
      if (latencies.empty() || run.wall_ms() < fastest) {
        fastest = run.wall_ms();
        warmup.cpu_share = run.cpu_share();
      }
      latencies.push_back(run.wall_ms());
      const auto window = static_cast<std::size_t>(options_.warmup_window);
      if (latencies.size() < window) continue;
      warmup.cv = variation_of(std::span(latencies).last(window));
      warmup.stable = warmup.runs >= options_.warmup_min && warmup.cv <= options_.warmup_cv;
    }
    return warmup;
  }

  Experiment& experiment_;
  const BenchOptions& options_;
  const BenchRequest& request_;
  RowSink& sink_;
  const DoneSet& done_;
  BlockRunner runner_;
  std::int64_t start_ns_, measuring_since_ns_ = 0, task_size_, blocks_;
  bool measuring_ = false, stalled_ = false;
  double measured_ms_ = 0;
  std::vector<double> cpu_shares_;
  BenchProgress progress_;
  BenchResult result_;
};

}  // namespace

BenchResult run_bench(Experiment& experiment, const BenchOptions& options, const BenchRequest& request, RowSink& sink,
                      const DoneSet& done) {
  check_experiment(experiment);
  return Loop(experiment, options, request, sink, done).run();
}

}  // namespace dynexec
