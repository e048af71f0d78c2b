#include "measure/path_rows.hpp"

#include <cmath>

#include "measure/statistics.hpp"

namespace dynexec {
namespace {

// Mean of the values that are there.
double mean_present(const std::vector<const SampleRow*>& rows, double SampleRow::*figure) {
  std::vector<double> values;
  for (const SampleRow* row : rows)
    if (!std::isnan(row->*figure)) values.push_back(row->*figure);
  return mean_of(values);
}

double mean_count(const std::vector<const SampleRow*>& rows, std::int64_t SamplingFacts::*count) {
  std::vector<double> values;
  for (const SampleRow* row : rows)
    if (row->sampling.*count >= 0) values.push_back(static_cast<double>(row->sampling.*count));
  return mean_of(values);
}

SampleFigures reduce(const std::vector<const SampleRow*>& rows) {
  std::vector<double> latencies, macs;
  for (const SampleRow* row : rows) {
    latencies.push_back(row->latency_ms);
    macs.push_back(row->cost.macs);
  }
  SampleFigures figures;
  figures.repetitions = static_cast<std::int64_t>(rows.size());
  figures.latency_mean = mean_of(latencies);
  figures.latency_median = median_of(latencies);
  figures.macs = mean_of(macs);
  figures.cpu_ms = mean_present(rows, &SampleRow::cpu_ms);
  figures.ttft_ms = mean_present(rows, &SampleRow::ttft_ms);
  figures.tpot_ms = mean_present(rows, &SampleRow::tpot_ms);
  figures.prefill_ms = mean_present(rows, &SampleRow::prefill_ms);
  figures.quality = mean_present(rows, &SampleRow::quality);
  figures.energy_j = mean_present(rows, &SampleRow::energy_j);
  figures.predicted_ms = mean_present(rows, &SampleRow::predicted_ms);
  figures.oracle_ms = mean_present(rows, &SampleRow::oracle_ms);
  figures.modelled_energy_j = mean_present(rows, &SampleRow::modelled_energy_j);
  figures.modelled_latency_ms = mean_present(rows, &SampleRow::modelled_latency_ms);
  figures.psnr_db = mean_present(rows, &SampleRow::psnr_db);
  figures.feature_distance = mean_present(rows, &SampleRow::feature_distance);
  figures.attribute_accuracy = mean_present(rows, &SampleRow::attribute_accuracy);
  figures.steps = mean_count(rows, &SamplingFacts::steps);
  figures.evaluations = mean_count(rows, &SamplingFacts::evaluations);
  return figures;
}

}  // namespace

PathRows::PathRows(std::span<const SampleRow> rows, const std::string& path) {
  std::map<std::int64_t, std::vector<const SampleRow*>> by_sample;
  for (const SampleRow& row : rows) {
    if (row.path != path) continue;
    if (row.error.empty()) {
      measured.push_back(&row);
      by_sample[row.sample].push_back(&row);
    } else {
      failed.push_back(&row);
    }
  }
  for (const auto& [sample, of_sample] : by_sample) samples.emplace(sample, reduce(of_sample));
}

std::vector<double> PathRows::values(double SampleFigures::*figure) const {
  std::vector<double> values;
  for (const auto& [sample, figures] : samples)
    if (!std::isnan(figures.*figure)) values.push_back(figures.*figure);
  return values;
}

Paired pair_up(const PathRows& baseline, const PathRows& path, double SampleFigures::*figure) {
  return pair_up(baseline, figure, path, figure);
}

Paired pair_up(const PathRows& baseline, double SampleFigures::*theirs_figure, const PathRows& path,
               double SampleFigures::*mine_figure) {
  Paired paired;
  for (const auto& [sample, figures] : path.samples) {
    const auto partner = baseline.samples.find(sample);
    if (partner == baseline.samples.end()) continue;
    const double theirs = partner->second.*theirs_figure, mine = figures.*mine_figure;
    if (std::isnan(theirs) || std::isnan(mine)) continue;
    paired.samples.push_back(sample);
    paired.baseline.push_back(theirs);
    paired.path.push_back(mine);
  }
  return paired;
}

}  // namespace dynexec
