// The columns of samples.csv and summary.csv.
#include "report/field_build.hpp"

namespace dynexec {
namespace {

using field_build::Builder;
using field_build::Missing;

std::vector<Field<SampleRow>> sample_fields() {
  Builder<SampleRow> table;
  table.label("config", "", "name of the config", DYNEXEC_MEMBER(config))
      .label("path", "", "name of the path; the first one of a run is the baseline", DYNEXEC_MEMBER(path))
      .label("method", "", "method behind the path", DYNEXEC_MEMBER(method))
      .label("sample", "", "index of the sample in its task, from 0", DYNEXEC_MEMBER(sample))
      .label("sample_id", "", "stable name of the sample", DYNEXEC_MEMBER(sample_id))
      .label("group", "", "category or difficulty of the sample", DYNEXEC_MEMBER(group))
      .label("repetition", "", "repetition, from 0", DYNEXEC_MEMBER(repetition))
      .label("order", "", "position of the path in its shuffled block, from 0", DYNEXEC_MEMBER(order))
      .label("seed", "", "seed of the random streams", DYNEXEC_MEMBER(seed))
      .label("threads", "", "threads used", DYNEXEC_MEMBER(threads))
      .figure("latency_ms", "ms", "wall time from input to complete output", DYNEXEC_MEMBER(latency_ms))
      .figure("cpu_ms", "ms", "CPU time of all threads in that span", DYNEXEC_MEMBER(cpu_ms))
      .figure("ttft_ms", "ms", "time to first token", DYNEXEC_MEMBER(ttft_ms))
      .figure("tpot_ms", "ms", "time per output token after the first", DYNEXEC_MEMBER(tpot_ms))
      .figure("prefill_ms", "ms", "time to process the prompt", DYNEXEC_MEMBER(prefill_ms))
      .figure("tokens", "tokens", "new tokens kept", DYNEXEC_MEMBER(cost.tokens))
      .figure("prompt_tokens", "tokens", "tokens of the prompt", DYNEXEC_MEMBER(cost.prompt_tokens))
      .label("quality_metric", "", "what quality measures; empty when the task has no metric",
             DYNEXEC_MEMBER(quality_metric))
      .figure("quality", "", "score of the output", DYNEXEC_MEMBER(quality))
      .figure("psnr_db", "dB", "peak signal-to-noise ratio of the picture to the task's reference picture",
              DYNEXEC_MEMBER(psnr_db))
      .figure("feature_distance", "", "distance of the picture's features from those of the reference picture",
              DYNEXEC_MEMBER(feature_distance))
      .figure("attribute_accuracy", "", "share of the attributes asked for that a classifier finds in the picture",
              DYNEXEC_MEMBER(attribute_accuracy))
      .figure("disturbed", "", "1: something else took the CPU while this row was measured", DYNEXEC_MEMBER(disturbed))
      .figure("involuntary_switches", "", "times the system took the CPU away", DYNEXEC_MEMBER(involuntary_switches))
      .figure("macs", "MAC", "multiply-accumulates, counted by the code that ran", DYNEXEC_MEMBER(cost.macs))
      .figure("weight_bytes_read", "bytes", "bytes of weights read", DYNEXEC_MEMBER(cost.weight_bytes))
      .figure("kv_bytes_read", "bytes", "bytes of KV cache read", DYNEXEC_MEMBER(cost.kv_bytes))
      .figure("target_passes", "", "forward passes of the target after the prompt", DYNEXEC_MEMBER(cost.target_passes))
      .figure("draft_passes", "", "forward passes of the drafter", DYNEXEC_MEMBER(cost.draft_passes))
      .figure("drafted_tokens", "tokens", "tokens proposed", DYNEXEC_MEMBER(cost.drafted_tokens))
      .figure("accepted_tokens", "tokens", "proposed tokens kept", DYNEXEC_MEMBER(cost.accepted_tokens))
      .figure("accept_trials", "tokens", "proposed tokens that reached the acceptance test",
              DYNEXEC_MEMBER(cost.accept_trials))
      .figure("equal_to_baseline", "", "1: same output as the baseline; empty for the baseline and lossy paths",
              DYNEXEC_MEMBER(equal_to_baseline))
      .figure<Missing::below_zero>("first_mismatch", "tokens",
                                   "position of the first token that differs from the baseline's",
                                   DYNEXEC_MEMBER(first_mismatch))
      .figure("mismatch_logit_gap", "", "top-1 minus top-2 logit of the baseline there",
              DYNEXEC_MEMBER(mismatch_logit_gap))
      .figure("bandwidth_share", "", "bytes read per second over the machine's measured read bandwidth",
              DYNEXEC_MEMBER(bandwidth_share))
      .figure("predicted_ms", "ms", "latency that theory predicts for the decisions taken",
              DYNEXEC_MEMBER(predicted_ms))
      .figure("oracle_ms", "ms", "latency with the best decisions in hindsight", DYNEXEC_MEMBER(oracle_ms))
      .figure<Missing::below_zero>("exit_index", "",
                                   "exit that answered, from 0; the number of exits: the network's end",
                                   DYNEXEC_MEMBER(exit.index))
      .figure("exit_depth", "", "share of the layers' multiply-accumulates that ran, heads left out",
              DYNEXEC_MEMBER(exit.depth))
      .figure<Missing::below_zero>("exits_tested", "", "heads that ran, the network's own included",
                                   DYNEXEC_MEMBER(exit.tested))
      .figure<Missing::below_zero>("forecasts", "", "forecasts of the exit to leave at", DYNEXEC_MEMBER(exit.forecasts))
      .figure<Missing::below_zero>(
          "forecast_hits", "",
          "forecasts that named the first exit that would have passed; beyond the horizon: that "
          "named the horizon",
          DYNEXEC_MEMBER(exit.forecast_hits))
      .figure("compaction_ms", "ms", "in batches: time to take out rows that had left, divided by the rows",
              DYNEXEC_MEMBER(exit.compaction_ms))
      .figure<Missing::below_zero>("steps", "", "sampling steps of the schedule that was begun",
                                   DYNEXEC_MEMBER(sampling.steps))
      .figure<Missing::below_zero>("evaluations", "",
                                   "evaluations of the network, those of the prompt and of guidance each counted",
                                   DYNEXEC_MEMBER(sampling.evaluations))
      .figure<Missing::below_zero>("reused_evaluations", "", "of these: with deep features of an earlier one",
                                   DYNEXEC_MEMBER(sampling.reused))
      .figure("peak_rss_mb", "MB", "peak resident memory of the process while this row ran; 1 MB = 10^6 bytes",
              DYNEXEC_MEMBER(peak_rss_mb))
      .figure("energy_j", "J", "measured energy; empty where it cannot be measured", DYNEXEC_MEMBER(energy_j))
      .figure("modelled_energy_j", "J", "energy under the hardware profile of the config, computed from counted work",
              DYNEXEC_MEMBER(modelled_energy_j))
      .figure("modelled_latency_ms", "ms", "latency under the hardware profile", DYNEXEC_MEMBER(modelled_latency_ms))
      .figure("adc_share", "", "share of the modelled energy in the converters of analogue arrays",
              DYNEXEC_MEMBER(adc_share))
      .label("energy_profile", "", "name of the hardware profile", DYNEXEC_MEMBER(energy_profile))
      .figure("output_hash", "", "first 16 hex digits of the SHA-256 of the output tokens", DYNEXEC_MEMBER(output_hash))
      .label("error", "", "why the sample failed; empty when it was measured", DYNEXEC_MEMBER(error));
  return std::move(table).fields();
}

std::vector<Field<SummaryRow>> summary_fields() {
  Builder<SummaryRow> table;
  table.label("config", "", "name of the config", DYNEXEC_MEMBER(config))
      .label("path", "", "name of the path; the first row is the baseline", DYNEXEC_MEMBER(path))
      .label("method", "", "method behind the path", DYNEXEC_MEMBER(method))
      .label("setting", "", "settings of the path, one line", DYNEXEC_MEMBER(setting))
      .label("samples", "", "samples measured", DYNEXEC_MEMBER(samples))
      .label("repetitions", "", "repetitions of each sample", DYNEXEC_MEMBER(repetitions))
      .label("rows", "", "rows of samples.csv behind this row", DYNEXEC_MEMBER(rows))
      .label("failed_rows", "", "rows with an error; they are in no figure", DYNEXEC_MEMBER(failed_rows))
      .label("disturbed_rows", "", "rows marked as disturbed", DYNEXEC_MEMBER(disturbed_rows))
      .label("threads", "", "threads used", DYNEXEC_MEMBER(threads))
      .figure("latency_ms_mean", "ms", "mean latency of a sample; intervals resample whole samples",
              DYNEXEC_MEMBER(latency_ms_mean))
      .figure("latency_ms_median", "ms", "median latency over samples", DYNEXEC_MEMBER(latency_ms_median))
      .figure("latency_ms_p90", "ms", "90th percentile, from 100 samples on", DYNEXEC_MEMBER(latency_ms_p90))
      .figure("latency_ms_p99", "ms", "99th percentile, from 1,000 samples on", DYNEXEC_MEMBER(latency_ms_p99))
      .figure("cpu_ms_mean", "ms", "mean CPU time of a sample, all threads", DYNEXEC_MEMBER(cpu_ms_mean))
      .figure("ttft_ms_mean", "ms", "mean time to first token", DYNEXEC_MEMBER(ttft_ms_mean))
      .figure("tpot_ms_mean", "ms", "mean time per output token after the first", DYNEXEC_MEMBER(tpot_ms_mean))
      .figure("prefill_ms_mean", "ms", "mean time to process the prompt", DYNEXEC_MEMBER(prefill_ms_mean))
      .figure("speedup", "", "geometric mean over samples of the baseline's latency over this path's",
              DYNEXEC_MEMBER(speedup))
      .figure("speedup_total", "", "total time of the baseline over total time of this path",
              DYNEXEC_MEMBER(speedup_total))
      .figure("throughput_per_s", "1/s", "samples per second, one at a time", DYNEXEC_MEMBER(throughput_per_s))
      .figure("tokens_per_s", "tokens/s", "new tokens per second", DYNEXEC_MEMBER(tokens_per_s))
      .label("quality_metric", "", "what quality measures; empty when the task has no metric",
             DYNEXEC_MEMBER(quality_metric))
      .figure("quality", "", "mean score", DYNEXEC_MEMBER(quality))
      .figure("quality_delta", "", "mean score minus the baseline's, paired by sample", DYNEXEC_MEMBER(quality_delta))
      .label("quality_verdict", "", "non-inferior, inferior or undecided against the margin of the config",
             DYNEXEC_MEMBER(quality_verdict))
      .figure("psnr_db_mean", "dB", "mean peak signal-to-noise ratio to the task's reference pictures",
              DYNEXEC_MEMBER(psnr_db_mean))
      .figure("feature_distance_mean", "", "mean distance of features from those of the reference picture",
              DYNEXEC_MEMBER(feature_distance_mean))
      .figure("attribute_accuracy", "", "mean share of the attributes asked for that are found",
              DYNEXEC_MEMBER(attribute_accuracy))
      .figure("attribute_accuracy_delta", "", "that mean minus the baseline's, paired by sample",
              DYNEXEC_MEMBER(attribute_accuracy_delta))
      .figure("frechet", "",
              "Fréchet distance of the outputs' features from the task's reference set, from 50 samples on",
              DYNEXEC_MEMBER(frechet))
      .figure("frechet_delta", "", "that distance minus the baseline's, paired by sample",
              DYNEXEC_MEMBER(frechet_delta))
      .figure("steps_mean", "", "mean sampling steps a sample", DYNEXEC_MEMBER(steps_mean))
      .figure("evaluations_mean", "", "mean evaluations of the network a sample", DYNEXEC_MEMBER(evaluations_mean))
      .figure("macs_mean", "MAC", "mean multiply-accumulates a sample", DYNEXEC_MEMBER(macs_mean))
      .figure("weight_mb_read_mean", "MB", "mean megabytes (10^6 bytes) of weights read a sample",
              DYNEXEC_MEMBER(weight_mb_read_mean))
      .figure("kv_mb_read_mean", "MB", "mean megabytes of KV cache read a sample", DYNEXEC_MEMBER(kv_mb_read_mean))
      .figure("tokens_mean", "tokens", "mean new tokens a sample", DYNEXEC_MEMBER(tokens_mean))
      .figure("tokens_per_target_pass", "tokens", "new tokens per forward pass of the target",
              DYNEXEC_MEMBER(tokens_per_target_pass))
      .figure("acceptance_rate", "", "share of tested draft tokens that were accepted", DYNEXEC_MEMBER(acceptance_rate))
      .figure("draft_length_mean", "tokens", "mean draft length of a round", DYNEXEC_MEMBER(draft_length_mean))
      .figure("predicted_speedup", "", "speed-up that theory predicts from measured acceptance and costs",
              DYNEXEC_MEMBER(predicted_speedup))
      .figure("oracle_speedup", "", "speed-up that the method would reach with hindsight",
              DYNEXEC_MEMBER(oracle_speedup))
      .figure("exit_depth_mean", "", "mean share of the layers' multiply-accumulates that ran",
              DYNEXEC_MEMBER(exit_depth_mean))
      .figure("exits_tested_mean", "", "mean heads that ran a sample", DYNEXEC_MEMBER(exits_tested_mean))
      .figure("forecast_accuracy", "", "share of the forecasts that were hits", DYNEXEC_MEMBER(forecast_accuracy))
      .figure("compaction_ms_mean", "ms", "mean time to take out rows that had left, in batches",
              DYNEXEC_MEMBER(compaction_ms_mean))
      .figure("bandwidth_share", "", "bytes read per second over the machine's measured read bandwidth",
              DYNEXEC_MEMBER(bandwidth_share))
      .figure("equal_share", "", "share of rows whose output equals the baseline's; empty for lossy paths",
              DYNEXEC_MEMBER(equal_share))
      .figure("peak_rss_mb", "MB", "peak resident memory of the process while this path ran",
              DYNEXEC_MEMBER(peak_rss_mb))
      .figure("tensor_mb", "MB", "weights, caches and buffers that this path holds at its peak",
              DYNEXEC_MEMBER(tensor_mb))
      .figure("energy_j", "J", "measured energy a sample; empty where it cannot be measured", DYNEXEC_MEMBER(energy_j))
      .label("energy_source", "", "where the energy comes from", DYNEXEC_MEMBER(energy_source))
      .figure("modelled_energy_j", "J", "energy a sample under the hardware profile of the config, from counted work",
              DYNEXEC_MEMBER(modelled_energy_j))
      .figure("modelled_latency_ms", "ms", "mean latency under the hardware profile",
              DYNEXEC_MEMBER(modelled_latency_ms))
      .figure("modelled_energy_saving", "", "1 minus this path's modelled energy over the baseline's, paired by sample",
              DYNEXEC_MEMBER(modelled_energy_saving))
      .figure("modelled_late_share", "", "share of samples with a longer modelled latency than the baseline's",
              DYNEXEC_MEMBER(modelled_late_share))
      .figure("adc_share", "", "share of the modelled energy in the converters of analogue arrays",
              DYNEXEC_MEMBER(adc_share))
      .label("energy_profile", "", "name of the hardware profile", DYNEXEC_MEMBER(energy_profile))
      .label("valid", "", "1: the row may be quoted", DYNEXEC_MEMBER(valid))
      .label("invalid_reasons", "", "why not, each with its remedy", DYNEXEC_MEMBER(invalid_reasons));
  return std::move(table).fields();
}

}  // namespace

template <>
std::span<const Field<SampleRow>> field_table<SampleRow>() {
  static const std::vector<Field<SampleRow>> table = sample_fields();
  return table;
}

template <>
std::span<const Field<SummaryRow>> field_table<SummaryRow>() {
  static const std::vector<Field<SummaryRow>> table = summary_fields();
  return table;
}

}  // namespace dynexec
