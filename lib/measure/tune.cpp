#include "measure/tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "measure/path_rows.hpp"
#include "measure/rehearsal.hpp"
#include "measure/statistics.hpp"
#include "measure/task_slice.hpp"

namespace dynexec {
namespace {

// Settings of a lossy path that run side by side before it is known which of them are needed.
constexpr std::size_t kSideBySide = 4;
// Settings whose speed-up is within this share of the best one's are timed again, side by side: one repetition tells
// them apart badly. Of settings without a time those with the fewest multiply-accumulates are timed.
constexpr double kNearlyAsFast = 0.05;
constexpr std::size_t kRunoffSettings = 4, kRunoffSamples = 128;
constexpr std::int64_t kRunoffRepetitions = 3;

class NoSink : public RowSink {
  void write_block(std::span<const SampleRow>, std::span<const TraceRecord>) override {}
};

// The baseline and some other paths of an experiment for as long as it lives; they go back where they came from.
class Borrowed {
 public:
  Borrowed(Experiment& owner, std::vector<std::size_t> places, std::shared_ptr<const Task> task)
      : owner_(owner), places_(std::move(places)) {
    places_.insert(places_.begin(), 0);
    experiment.task = std::move(task);
    for (const std::size_t place : places_) experiment.paths.push_back(std::move(owner_.paths[place]));
  }
  ~Borrowed() {
    for (std::size_t i = 0; i < places_.size(); ++i) owner_.paths[places_[i]] = std::move(experiment.paths[i]);
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Experiment experiment;

 private:
  Experiment& owner_;
  std::vector<std::size_t> places_;
};

struct Candidate {
  std::size_t ladder = 0, step = 0;
};

class Tuner {
 public:
  Tuner(Experiment& experiment, std::vector<TuneLadder> ladders, const TuneOptions& options, const BenchOptions& bench,
        const BenchRequest& request)
      : experiment_(experiment),
        ladders_(std::move(ladders)),
        options_(options),
        bench_(bench),
        request_(request),
        higher_(experiment.task->higher_is_better()) {
    bench_.repetitions = 1;
    bench_.min_time_s = bench_.max_time_s = 0;
    bench_.trace = false;
    for (const TuneLadder& ladder : ladders_) {
      TunedPath tuned;
      tuned.path = ladder.path;
      tuned.key = ladder.key;
      results_.push_back(std::move(tuned));
    }
  }

  std::vector<TunedPath> run() {
    for (const TuneLadder& ladder : ladders_)
      if (ladder.lossy && experiment_.task->quality_metric().empty())
        throw Error(ErrorKind::config, fmt::format("path '{}' cannot be tuned: the task has no quality", ladder.path),
                    "task", "tune on a task with a metric, or only lossless paths with --path");
    for (std::vector<Candidate> round = next_round(); !round.empty(); round = next_round()) measure(round);
    for (std::size_t ladder = 0; ladder < ladders_.size(); ++ladder) choose(ladder);
    if (options_.by == TuneBy::time) run_off();
    for (TunedPath& tuned : results_) tuned.rows[tuned.chosen].chosen = true;
    return std::move(results_);
  }

 private:
  std::vector<Candidate> next_round() const {
    std::vector<Candidate> round;
    for (std::size_t l = 0; l < ladders_.size(); ++l) {
      if (results_[l].failed) continue;
      const std::size_t first = results_[l].rows.size(), all = ladders_[l].places.size();
      const std::size_t last = ladders_[l].lossy ? std::min(all, first + kSideBySide) : all;
      for (std::size_t step = first; step < last; ++step) round.push_back({l, step});
    }
    return round;
  }

  std::vector<SampleRow> bench(const std::vector<Candidate>& round, std::shared_ptr<const Task> task) {
    std::vector<std::size_t> places;
    for (const Candidate& candidate : round) places.push_back(ladders_[candidate.ladder].places[candidate.step]);
    Borrowed borrowed(experiment_, places, std::move(task));
    NoSink sink;
    return run_bench(borrowed.experiment, bench_, request_, sink).rows;
  }

  const std::string& name_of(const Candidate& candidate) const {
    return experiment_.paths[ladders_[candidate.ladder].places[candidate.step]]->info().name;
  }

  // What the settings answer and count, with times only where they have to run for it.
  std::vector<SampleRow> rows_of(const std::vector<Candidate>& round) {
    if (rehearsed_) {
      std::vector<std::size_t> places{0};
      for (const Candidate& candidate : round) places.push_back(ladders_[candidate.ladder].places[candidate.step]);
      const auto show = [this](std::int64_t done, std::int64_t total) {
        if (request_.progress) request_.progress({.path = "", .done = done, .total = total});
      };
      const RehearsalRequest request{.config = request_.config, .threads = request_.threads, .progress = show};
      if (auto rows = rehearse_paths(experiment_, places, bench_, request)) return *std::move(rows);
      rehearsed_ = false;
    }
    return bench(round, experiment_.task);
  }

  void measure(const std::vector<Candidate>& round) {
    const std::vector<SampleRow> rows = rows_of(round);
    const PathRows baseline(rows, experiment_.paths[0]->info().name);
    if (baseline.samples.empty())
      throw Error(ErrorKind::data,
                  fmt::format("the baseline failed on every sample: {}",
                              baseline.failed.empty() ? "no rows" : baseline.failed.front()->error),
                  request_.config, "run dynexec bench on the config first");
    for (const Candidate& candidate : round) {
      TunedPath& tuned = results_[candidate.ladder];
      if (tuned.failed) continue;  // what ran beside the setting that failed is not looked at
      tuned.rows.push_back(judge(candidate, baseline, PathRows(rows, name_of(candidate))));
      if (tuned.rows.back().passed == false) tuned.failed = tuned.rows.size() - 1;
    }
  }

  TuneRow judge(const Candidate& candidate, const PathRows& baseline, const PathRows& path) const {
    const TuneLadder& ladder = ladders_[candidate.ladder];
    TuneRow row;
    row.config = request_.config;
    row.path = ladder.path;
    row.key = ladder.key;
    row.value = ladder.values[candidate.step];
    row.failed_rows = static_cast<std::int64_t>(path.failed.size());
    row.samples = static_cast<std::int64_t>(path.samples.size());
    add_speed(baseline, path, row);
    row.quality_metric = experiment_.task->quality_metric();
    Paired quality = pair_up(baseline, path, &SampleFigures::quality);
    if (!quality.samples.empty()) row.quality = mean_of(quality.path);
    // A sample that fails where the baseline answers is wholly lost.
    for (const SampleRow* failed : path.failed)
      if (const auto found = baseline.samples.find(failed->sample); found != baseline.samples.end()) {
        quality.baseline.push_back(higher_ ? 1 : 0);
        quality.path.push_back(higher_ ? 0 : 1);
      }
    if (!higher_) std::swap(quality.baseline, quality.path);
    add_drop(quality, row);
    if (ladder.lossy) test(quality, row);
    return row;
  }

  void add_speed(const PathRows& baseline, const PathRows& path, TuneRow& row) const {
    if (path.measured.empty()) return;
    const auto macs = [](const PathRows& rows) {
      double sum = 0;
      for (const SampleRow* measured : rows.measured) sum += measured->cost.macs;
      return sum / static_cast<double>(rows.measured.size());
    };
    row.macs_mean = macs(path);
    row.macs_reduction = 1 - row.macs_mean / macs(baseline);
    const Paired latency = pair_up(baseline, path, &SampleFigures::latency_median);
    if (latency.samples.empty()) return;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < latency.path.size(); ++i) ratios.push_back(latency.baseline[i] / latency.path[i]);
    row.speedup = Bootstrap(ratios.size(), bench_.bootstrap()).geometric_mean(ratios);
  }

  static void add_drop(const Paired& quality, TuneRow& row) {
    if (quality.path.empty()) return;
    row.quality_drop = mean_of(quality.baseline) - mean_of(quality.path);
    for (std::size_t i = 0; i < quality.path.size(); ++i) {
      row.lost += quality.path[i] < quality.baseline[i];
      row.gained += quality.path[i] > quality.baseline[i];
    }
  }

  void test(const Paired& quality, TuneRow& row) const {
    const auto bounded = [](double value) { return value >= 0 && value <= 1; };
    if (!std::all_of(quality.baseline.begin(), quality.baseline.end(), bounded) ||
        !std::all_of(quality.path.begin(), quality.path.end(), bounded))
      throw Error(ErrorKind::config,
                  fmt::format("{} goes outside 0 to 1, so that its loss has no bound to test with", row.quality_metric),
                  "task", "tune on a metric in [0, 1], such as accuracy");
    const QualityTest test =
        options_.test == QualityTest::automatic ? choose_quality_test(quality.baseline, quality.path) : options_.test;
    row.test = quality_test_names()[static_cast<std::size_t>(test)];
    row.p_value = quality_drop_p(quality.baseline, quality.path, options_.max_quality_drop, test);
    row.passed = row.p_value <= 1 - options_.confidence;
  }

  double speed_of(const TuneRow& row) const {
    return options_.by == TuneBy::macs || rehearsed_ ? 1 / row.macs_mean : row.speedup.value;
  }

  bool may_be_chosen(std::size_t ladder, const TuneRow& row) const {
    return ladders_[ladder].lossy ? row.passed == true : row.failed_rows == 0 && row.samples > 0;
  }

  void choose(std::size_t ladder) {
    TunedPath& tuned = results_[ladder];
    for (std::size_t r = 0; r < tuned.rows.size(); ++r) {
      if (!may_be_chosen(ladder, tuned.rows[r])) continue;
      if (!tuned.passed || speed_of(tuned.rows[r]) > speed_of(tuned.rows[tuned.chosen])) tuned.chosen = r;
      tuned.passed = true;
    }
    if (!ladders_[ladder].lossy) return;
    QualityTest test = options_.test;
    for (std::size_t i = 0; i < quality_test_names().size(); ++i)
      if (quality_test_names()[i] == tuned.rows.front().test) test = static_cast<QualityTest>(i);
    tuned.samples_needed = samples_to_pass(options_.max_quality_drop, 1 - options_.confidence, test);
  }

  void run_off() {
    std::vector<Candidate> round;
    for (std::size_t l = 0; l < ladders_.size(); ++l) {
      const TunedPath& tuned = results_[l];
      if (!tuned.passed) continue;
      std::vector<std::size_t> near;
      for (std::size_t r = 0; r < tuned.rows.size(); ++r)
        if (may_be_chosen(l, tuned.rows[r]) &&
            (rehearsed_ || speed_of(tuned.rows[r]) >= (1 - kNearlyAsFast) * speed_of(tuned.rows[tuned.chosen])))
          near.push_back(r);
      std::stable_sort(near.begin(), near.end(),
                       [&](std::size_t a, std::size_t b) { return speed_of(tuned.rows[a]) > speed_of(tuned.rows[b]); });
      near.resize(std::min(near.size(), kRunoffSettings));
      if (rehearsed_ || near.size() > 1)
        for (const std::size_t r : near) round.push_back({l, r});
    }
    if (round.empty()) return;
    bench_.repetitions = kRunoffRepetitions;
    const std::size_t size = std::min(experiment_.task->size(), kRunoffSamples);
    const std::vector<SampleRow> rows = bench(round, slice_task(experiment_.task, 0, size));
    const PathRows baseline(rows, experiment_.paths[0]->info().name);
    std::vector<double> best(ladders_.size(), 0);
    for (const Candidate& candidate : round) {
      TuneRow timed;
      add_speed(baseline, PathRows(rows, name_of(candidate)), timed);
      if (rehearsed_) results_[candidate.ladder].rows[candidate.step].speedup = timed.speedup;
      if (!(timed.speedup.value > best[candidate.ladder])) continue;
      best[candidate.ladder] = timed.speedup.value;
      results_[candidate.ladder].chosen = candidate.step;
    }
  }

  Experiment& experiment_;
  std::vector<TuneLadder> ladders_;
  TuneOptions options_;
  BenchOptions bench_;
  const BenchRequest& request_;
  bool higher_;
  bool rehearsed_ = true;  // until a path has to run
  std::vector<TunedPath> results_;
};

}  // namespace

std::vector<TunedPath> tune_paths(Experiment& experiment, std::vector<TuneLadder> ladders, const TuneOptions& options,
                                  const BenchOptions& bench, const BenchRequest& request) {
  return Tuner(experiment, std::move(ladders), options, bench, request).run();
}

}  // namespace dynexec
