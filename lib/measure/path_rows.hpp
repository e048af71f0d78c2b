// The rows of one path, grouped by sample. Private to the measure room.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "measure/rows.hpp"

namespace dynexec {

// One sample of one path: its repetitions without error, reduced to one number a figure.
struct SampleFigures {
  std::int64_t repetitions = 0;
  double latency_mean = kMissing, latency_median = kMissing, cpu_ms = kMissing;
  double ttft_ms = kMissing, tpot_ms = kMissing, prefill_ms = kMissing, quality = kMissing, energy_j = kMissing;
  double predicted_ms = kMissing, oracle_ms = kMissing;
  double modelled_energy_j = kMissing, modelled_latency_ms = kMissing, macs = kMissing;
  double psnr_db = kMissing, feature_distance = kMissing, attribute_accuracy = kMissing;
  double steps = kMissing, evaluations = kMissing;
};

struct PathRows {
  std::vector<const SampleRow*> measured, failed;
  std::map<std::int64_t, SampleFigures> samples;  // of the measured rows, by sample index

  PathRows() = default;
  PathRows(std::span<const SampleRow> rows, const std::string& path);

  // One value a sample in ascending order, missing ones left out.
  std::vector<double> values(double SampleFigures::*figure) const;
};

// Values of the samples that both paths have, aligned.
struct Paired {
  std::vector<std::int64_t> samples;
  std::vector<double> baseline, path;
};
Paired pair_up(const PathRows& baseline, const PathRows& path, double SampleFigures::*figure);
Paired pair_up(const PathRows& baseline, double SampleFigures::*theirs, const PathRows& path,
               double SampleFigures::*mine);

}  // namespace dynexec
