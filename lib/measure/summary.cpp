#include "measure/summary.hpp"

#include <algorithm>
#include <cmath>

#include "measure/path_rows.hpp"
#include "measure/picture_summary.hpp"
#include "measure/score_summary.hpp"
#include "measure/statistics.hpp"
#include "measure/threads.hpp"
#include "measure/validity.hpp"

namespace dynexec {
namespace {

struct Sums {
  double rows = 0, latency_ms = 0, tokens = 0, later_tokens = 0, passes = 0, macs = 0, weight_bytes = 0, kv_bytes = 0;
  double drafted = 0, accepted = 0, trials = 0, bandwidth_ms = 0, equal = 0, compared = 0;
  double walks = 0, depth = 0, tested = 0, forecasts = 0, forecast_hits = 0, batched = 0, compaction_ms = 0;
  double peak_rss_mb = kMissing;
};

void add_exit(const ExitFacts& exit, Sums& s) {
  if (exit.index < 0) return;
  s.walks += 1;
  s.depth += exit.depth;
  s.tested += static_cast<double>(exit.tested);
  if (exit.forecasts > 0) {
    s.forecasts += static_cast<double>(exit.forecasts);
    s.forecast_hits += static_cast<double>(exit.forecast_hits);
  }
  if (std::isnan(exit.compaction_ms)) return;
  s.batched += 1;
  s.compaction_ms += exit.compaction_ms;
}

Sums sum_rows(const PathRows& path) {
  Sums s;
  for (const SampleRow* row : path.measured) {
    const Cost& cost = row->cost;
    s.rows += 1;
    s.latency_ms += row->latency_ms;
    s.tokens += static_cast<double>(cost.tokens);
    s.later_tokens += static_cast<double>(std::max<std::int64_t>(0, cost.tokens - 1));
    s.passes += static_cast<double>(cost.target_passes);
    s.macs += cost.macs;
    s.weight_bytes += cost.weight_bytes;
    s.kv_bytes += cost.kv_bytes;
    s.drafted += static_cast<double>(cost.drafted_tokens);
    s.accepted += static_cast<double>(cost.accepted_tokens);
    s.trials += static_cast<double>(cost.accept_trials);
    add_exit(row->exit, s);
    s.bandwidth_ms += row->bandwidth_share * row->latency_ms;
    if (row->equal_to_baseline) {
      s.compared += 1;
      s.equal += *row->equal_to_baseline ? 1 : 0;
    }
    s.peak_rss_mb = std::fmax(s.peak_rss_mb, row->peak_rss_mb);
  }
  return s;
}

double ratio_or_missing(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : kMissing;
}

bool has_non_finite(const PathRows& path) {
  return std::any_of(path.measured.begin(), path.measured.end(), [](const SampleRow* row) {
    const Cost& cost = row->cost;
    const bool costs = std::isfinite(cost.macs) && std::isfinite(cost.weight_bytes) && std::isfinite(cost.kv_bytes);
    const bool features =
        std::all_of(row->features.begin(), row->features.end(), [](float f) { return std::isfinite(f); });
    return !costs || !features || !std::isfinite(row->latency_ms) || std::isinf(row->quality);
  });
}

void fill_counts(const PathRows& path, SummaryRow& row) {
  row.samples = static_cast<std::int64_t>(path.samples.size());
  for (const auto& [sample, figures] : path.samples) row.repetitions = std::max(row.repetitions, figures.repetitions);
  row.rows = static_cast<std::int64_t>(path.measured.size() + path.failed.size());
  row.failed_rows = static_cast<std::int64_t>(path.failed.size());
  row.disturbed_rows =
      std::count_if(path.measured.begin(), path.measured.end(), [](const SampleRow* r) { return r->disturbed; });
  const SampleRow* any = !path.measured.empty() ? path.measured.front()
                         : !path.failed.empty() ? path.failed.front()
                                                : nullptr;
  if (!any) return;
  row.config = any->config;
  row.threads = any->threads;
}

void fill_times(const PathRows& path, const Sums& sums, const BenchOptions& options, Resamplers& resamplers,
                SummaryRow& row) {
  row.latency_ms_mean = resamplers.mean(path.values(&SampleFigures::latency_mean));
  const std::vector<double> medians = path.values(&SampleFigures::latency_median);
  row.latency_ms_median = percentile_with_interval(medians, 0.5, options.confidence);
  row.latency_ms_p90 = percentile_with_interval(medians, 0.9, options.confidence);
  row.latency_ms_p99 = percentile_with_interval(medians, 0.99, options.confidence);
  row.cpu_ms_mean = mean_of(path.values(&SampleFigures::cpu_ms));
  row.ttft_ms_mean = mean_of(path.values(&SampleFigures::ttft_ms));
  row.tpot_ms_mean = mean_of(path.values(&SampleFigures::tpot_ms));
  row.prefill_ms_mean = mean_of(path.values(&SampleFigures::prefill_ms));
  row.energy_j = mean_of(path.values(&SampleFigures::energy_j));
  row.throughput_per_s = ratio_or_missing(1e3 * sums.rows, sums.latency_ms);
  if (sums.tokens > 0) row.tokens_per_s = ratio_or_missing(1e3 * sums.tokens, sums.latency_ms);
}

void fill_costs(const Sums& sums, SummaryRow& row) {
  row.macs_mean = ratio_or_missing(sums.macs, sums.rows);
  row.weight_mb_read_mean = ratio_or_missing(sums.weight_bytes * 1e-6, sums.rows);
  row.kv_mb_read_mean = ratio_or_missing(sums.kv_bytes * 1e-6, sums.rows);
  row.tokens_mean = ratio_or_missing(sums.tokens, sums.rows);
  row.tokens_per_target_pass = ratio_or_missing(sums.later_tokens, sums.passes);
  row.acceptance_rate = ratio_or_missing(sums.accepted, sums.trials);
  if (sums.drafted > 0) row.draft_length_mean = ratio_or_missing(sums.drafted, sums.passes);
  row.exit_depth_mean = ratio_or_missing(sums.depth, sums.walks);
  row.exits_tested_mean = ratio_or_missing(sums.tested, sums.walks);
  row.forecast_accuracy = ratio_or_missing(sums.forecast_hits, sums.forecasts);
  row.compaction_ms_mean = ratio_or_missing(sums.compaction_ms, sums.batched);
  row.bandwidth_share = ratio_or_missing(sums.bandwidth_ms, sums.latency_ms);
  row.equal_share = ratio_or_missing(sums.equal, sums.compared);
  row.peak_rss_mb = sums.peak_rss_mb;
}

void fill_speedup(const PathRows& baseline, const PathRows& path, Resamplers& resamplers, SummaryRow& row) {
  const Paired paired = pair_up(baseline, path, &SampleFigures::latency_median);
  if (paired.samples.empty()) return;
  std::vector<double> ratios(paired.path.size());
  std::transform(paired.baseline.begin(), paired.baseline.end(), paired.path.begin(), ratios.begin(),
                 [](double theirs, double mine) { return theirs / mine; });
  const Bootstrap& bootstrap = resamplers.of(ratios.size());
  row.speedup = bootstrap.geometric_mean(ratios);
  row.speedup_total = bootstrap.ratio(paired.baseline, paired.path);
}

// Like the speed-up itself, so that the figures can be laid side by side; NaN: no sample has both.
double geometric_ratio(const Paired& paired) {
  double sum = 0;
  for (std::size_t i = 0; i < paired.path.size(); ++i) sum += std::log(paired.baseline[i] / paired.path[i]);
  return paired.path.empty() ? kMissing : std::exp(sum / static_cast<double>(paired.path.size()));
}

// The rows' own theory against the baseline's.
void fill_theory(const PathRows& baseline, const PathRows& path, SummaryRow& row) {
  row.predicted_speedup = geometric_ratio(pair_up(baseline, path, &SampleFigures::predicted_ms));
  row.oracle_speedup =
      geometric_ratio(pair_up(baseline, &SampleFigures::predicted_ms, path, &SampleFigures::oracle_ms));
}

// Totals, not means of ratios: what the whole set would have taken.
void fill_modelled(const PathRows& baseline, const PathRows& path, bool is_baseline, Resamplers& resamplers,
                   SummaryRow& row) {
  row.modelled_energy_j = mean_of(path.values(&SampleFigures::modelled_energy_j));
  row.modelled_latency_ms = mean_of(path.values(&SampleFigures::modelled_latency_ms));
  double joules = 0, adc_joules = 0;
  for (const SampleRow* sample : path.measured) {
    row.energy_profile = sample->energy_profile;
    if (std::isnan(sample->adc_share) || std::isnan(sample->modelled_energy_j)) continue;
    joules += sample->modelled_energy_j;
    adc_joules += sample->adc_share * sample->modelled_energy_j;
  }
  row.adc_share = ratio_or_missing(adc_joules, joules);
  if (is_baseline) return;
  const Paired energy = pair_up(baseline, path, &SampleFigures::modelled_energy_j);
  if (!energy.samples.empty()) {
    const Interval share = resamplers.of(energy.path.size()).ratio(energy.path, energy.baseline);
    row.modelled_energy_saving = {1 - share.value, 1 - share.high, 1 - share.low};
  }
  const Paired latency = pair_up(baseline, path, &SampleFigures::modelled_latency_ms);
  double late = 0;
  // A last digit is no delay.
  for (std::size_t i = 0; i < latency.path.size(); ++i) late += latency.path[i] > latency.baseline[i] * (1 + 1e-9);
  row.modelled_late_share = ratio_or_missing(late, static_cast<double>(latency.path.size()));
}

}  // namespace

SummaryFacts summary_facts(const Experiment& experiment) {
  SummaryFacts facts;
  for (const auto& path : experiment.paths) {
    facts.paths.push_back(path->info());
    facts.tensor_bytes.push_back(path->tensor_bytes());
  }
  facts.quality_metric = experiment.task->quality_metric();
  facts.higher_is_better = experiment.task->higher_is_better();
  facts.reference_features = experiment.task->reference_features();
  facts.cpus = available_cpus();
  return facts;
}

std::vector<SummaryRow> summarise(std::span<const SampleRow> rows, const BenchOptions& options,
                                  const SummaryFacts& facts, const PathProgress& progress) {
  if (facts.paths.empty()) return {};
  Resamplers resamplers(options);
  std::vector<PathRows> grouped;
  for (const PathInfo& info : facts.paths) grouped.emplace_back(rows, info.name);

  const FrechetSummary frechet(facts.reference_features, grouped[0],
                               {options.bootstrap_resamples, options.confidence, options.seed});
  std::vector<SummaryRow> summary;
  for (std::size_t i = 0; i < facts.paths.size(); ++i) {
    const PathRows& path = grouped[i];
    const Sums sums = sum_rows(path);
    SummaryRow row;
    row.path = facts.paths[i].name;
    row.method = facts.paths[i].method;
    row.setting = facts.paths[i].setting;
    row.quality_metric = facts.quality_metric;
    row.energy_source = facts.energy_source;
    if (i < facts.tensor_bytes.size()) row.tensor_mb = facts.tensor_bytes[i] * 1e-6;
    fill_counts(path, row);
    fill_times(path, sums, options, resamplers, row);
    fill_costs(sums, row);
    row.quality = mean_score(path.values(&SampleFigures::quality), resamplers);
    fill_picture_scores(path, resamplers, row);
    const FrechetSummary::Figures distances = frechet.compare(path, grouped[0]);
    row.frechet = distances.distance;
    if (i > 0) row.frechet_delta = distances.difference;
    fill_theory(grouped[0], path, row);
    fill_modelled(grouped[0], path, i == 0, resamplers, row);
    if (i == 0) {
      if (!path.measured.empty()) row.speedup = row.speedup_total = {1, 1, 1};
    } else {
      fill_speedup(grouped[0], path, resamplers, row);
      row.quality_delta =
          score_delta(pair_up(grouped[0], path, &SampleFigures::quality), row.equal_share == 1, resamplers);
      fill_picture_deltas(grouped[0], path, resamplers, row);
      row.quality_verdict = quality_verdict(row.quality_delta, options.quality_margin, facts.higher_is_better);
    }
    summary.push_back(std::move(row));
    if (progress) progress(i + 1, facts.paths.size());
  }

  for (std::size_t i = 0; i < summary.size(); ++i) {
    const PathRows& path = grouped[i];
    std::int64_t fewest = path.samples.empty() ? 0 : path.samples.begin()->second.repetitions;
    for (const auto& [sample, figures] : path.samples) fewest = std::min(fewest, figures.repetitions);
    summary[i].invalid_reasons = invalid_reasons(
        {summary[i], summary[0], path.failed.empty() ? "" : path.failed.front()->error, fewest, has_non_finite(path)},
        options, facts);
    summary[i].valid = summary[i].invalid_reasons.empty();
  }
  return summary;
}

}  // namespace dynexec
