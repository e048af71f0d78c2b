#include "measure/block_runner.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/sha256.hpp"
#include "measure/row_making.hpp"

namespace dynexec {
namespace {

// Linux adds the CPU time of threads that run elsewhere at its ticks, 1 to 10 ms apart.
constexpr double kBookedNs = 20e6;

double positive_or_missing(double value) {
  return value >= 0 ? value : kMissing;
}

std::string hash_of(const Outcome& outcome) {
  const auto* text = std::any_cast<TextOutput>(&outcome.output);
  if (!text) return "";
  const std::string_view bytes(reinterpret_cast<const char*>(text->tokens.data()),
                               text->tokens.size() * sizeof(std::int32_t));
  return sha256_hex(bytes).substr(0, 16);
}

}  // namespace

double TimedRun::cpu_share() const {
  return took.wall_ns > 0 ? static_cast<double>(took.cpu_ns) / static_cast<double>(took.wall_ns) : 1;
}

bool is_disturbed(const ClockReading& took, double expected_share, int threads, const BenchOptions& options) {
  const double wall = static_cast<double>(took.wall_ns);
  if (options.disturbed_cpu_share > 0) {
    // At any time one thread has work. Of the parallel part beyond that only half is asked for, since samples
    // differ in how much of their work is parallel.
    // Short runs are over before the system has booked what other threads did.
    const double share =
        wall < kBookedNs ? 1 : std::clamp(expected_share, 1.0, static_cast<double>(std::max(1, threads)));
    const double expected = 1 + (share - 1) / 2;
    if (static_cast<double>(took.cpu_ns) < options.disturbed_cpu_share * expected * wall) return true;
    if (static_cast<double>(took.wait_ns) > (1 - options.disturbed_cpu_share) * wall) return true;
  }
  const double allowed = options.disturbed_switches + options.disturbed_switches_per_s * wall * 1e-9 * threads;
  return static_cast<double>(took.involuntary_switches) > allowed;
}

BlockRunner::BlockRunner(Experiment& experiment, const BenchOptions& options, const BenchRequest& request)
    : experiment_(experiment),
      options_(options),
      request_(request),
      clock_(request.clock ? *request.clock : system_clock()) {}

std::vector<Sample> BlockRunner::samples_from(std::int64_t first) const {
  const auto size = static_cast<std::int64_t>(experiment_.task->size());
  std::vector<Sample> samples;
  for (std::int64_t i = first; i < std::min(size, first + options_.batch_size); ++i)
    samples.push_back(experiment_.task->sample(static_cast<std::size_t>(i)));
  return samples;
}

TimedRun BlockRunner::run_path(std::size_t index, std::span<const Sample> samples, std::int64_t repetition) {
  Path& path = *experiment_.paths[index];
  std::vector<Streams> streams;
  for (const Sample& sample : samples)
    streams.push_back({options_.seed, sample.index, static_cast<std::uint32_t>(repetition)});
  const RunRequest request{options_.trace};

  TimedRun run;
  memory_.reset();
  const double energy_before = request_.energy ? request_.energy->joules() : kMissing;
  const ClockReading begin = clock_.begin();
  run.error = failure_of([&] { run.outcomes = path.run(samples, streams, request); });
  const ClockReading end = clock_.end();
  if (request_.energy) run.energy_j = request_.energy->joules() - energy_before;
  run.peak_mb = memory_.peak_mb();
  run.took = {end.wall_ns - begin.wall_ns, end.cpu_ns - begin.cpu_ns, end.wait_ns - begin.wait_ns,
              end.involuntary_switches - begin.involuntary_switches};
  if (run.error.empty() && run.outcomes.size() != samples.size())
    throw Error(ErrorKind::internal,
                "path '" + path.info().name + "' returned " + std::to_string(run.outcomes.size()) + " outcomes for " +
                    std::to_string(samples.size()) + " samples",
                "", "");
  return run;
}

std::vector<std::size_t> BlockRunner::order_of(std::int64_t first, std::int64_t repetition) const {
  std::vector<std::size_t> order(experiment_.paths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Streams{options_.seed, static_cast<std::uint64_t>(first), static_cast<std::uint32_t>(repetition)}
      .stream(Purpose::order)
      .shuffle(order);
  return order;
}

void BlockRunner::fill_row(const TimedRun& run, std::size_t path, const Sample& sample, Outcome& outcome,
                           double cpu_share, SampleRow& row) {
  const Streams streams{options_.seed, sample.index, static_cast<std::uint32_t>(row.repetition)};
  if (request_.analyse) experiment_.paths[path]->analyse(sample, streams, outcome);
  fill_from_outcome(*experiment_.task, sample, outcome, row);

  const double batch = static_cast<double>(run.outcomes.size()), wall_ms = run.wall_ms();
  row.latency_ms = wall_ms / batch;
  row.cpu_ms = static_cast<double>(run.took.cpu_ns) * 1e-6 / batch;
  row.ttft_ms = positive_or_missing(outcome.first_token_ms);
  row.prefill_ms = positive_or_missing(outcome.prefill_ms);
  // In a batch every sample waits for the whole call, so its tokens come at the pace of the undivided time.
  if (outcome.cost.tokens > 1) row.tpot_ms = (wall_ms - row.ttft_ms) / static_cast<double>(outcome.cost.tokens - 1);
  row.involuntary_switches = run.took.involuntary_switches;
  row.disturbed = is_disturbed(run.took, cpu_share, request_.threads, options_);
  row.predicted_ms = positive_or_missing(outcome.predicted_ms);
  row.oracle_ms = positive_or_missing(outcome.oracle_ms);
  const bool host_only = experiment_.paths[path]->info().host_only;
  const double bytes = outcome.cost.weight_bytes + outcome.cost.kv_bytes;
  if (host_only && bytes > 0 && row.latency_ms > 0)
    row.bandwidth_share = bytes / (row.latency_ms * 1e6) / request_.read_gb_per_s;
  row.peak_rss_mb = run.peak_mb;
  if (host_only) row.energy_j = run.energy_j / batch;
  row.modelled_energy_j = positive_or_missing(outcome.modelled.energy_j);
  row.modelled_latency_ms = positive_or_missing(outcome.modelled.latency_ms);
  row.adc_share = positive_or_missing(outcome.modelled.adc_share);
  row.energy_profile = outcome.modelled.profile;
  row.output_hash = hash_of(outcome);
}

void BlockRunner::compare_row(std::size_t path, const Outcome& baseline, const Outcome& mine, SampleRow& row) const {
  const std::optional<Mismatch> mismatch = experiment_.paths[path]->compare(baseline, mine);
  row.equal_to_baseline = !mismatch.has_value();
  if (!mismatch) return;
  row.first_mismatch = mismatch->position;
  row.mismatch_logit_gap = mismatch->logit_gap;
}

std::vector<SampleRow> BlockRunner::run_block(std::int64_t first, std::int64_t repetition,
                                              std::span<const double> cpu_shares, std::vector<TraceRecord>& traces) {
  const std::vector<Sample> samples = samples_from(first);
  const std::vector<std::size_t> order = order_of(first, repetition);
  std::vector<TimedRun> runs(order.size());
  std::vector<std::int64_t> position(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    throw_if_interrupted();
    runs[order[k]] = run_path(order[k], samples, repetition);
    position[order[k]] = static_cast<std::int64_t>(k);
  }

  // Scoring and comparing wait until all paths have run: they would disturb the next one, and the baseline
  // may have come last.
  std::vector<SampleRow> rows;
  rows.reserve(order.size() * samples.size());
  for (std::size_t path = 0; path < runs.size(); ++path) {
    TimedRun& run = runs[path];
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const SampleRow base =
          row_without_figures({*experiment_.task, request_.config, options_.seed, request_.threads, repetition},
                              experiment_.paths[path]->info(), samples[i]);
      SampleRow row = base;
      row.order = position[path];
      row.error = run.error;
      if (row.error.empty()) {
        row.error = failure_of([&] {
          fill_row(run, path, samples[i], run.outcomes[i], cpu_shares[path], row);
          const bool compares = path > 0 && experiment_.paths[path]->info().lossless;
          // rows[i] is the baseline's row of this sample.
          if (compares && rows[i].error.empty()) compare_row(path, runs[0].outcomes[i], run.outcomes[i], row);
        });
      }
      if (!row.error.empty()) {
        const std::string error = std::move(row.error);
        row = base;
        row.order = position[path];
        row.error = error;
      } else if (options_.trace && !run.outcomes[i].trace.empty()) {
        traces.push_back({row.sample, row.repetition, row.sample_id, row.path, std::move(run.outcomes[i].trace)});
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace dynexec
