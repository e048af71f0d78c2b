// The columns that `dynexec tune --format csv` prints: a row for each setting that was run.
#include "report/field_build.hpp"

namespace dynexec {
namespace {

std::vector<Field<TuneRow>> tune_fields() {
  field_build::Builder<TuneRow> table;
  table.label("config", "", "name of the config", DYNEXEC_MEMBER(config))
      .label("path", "", "name of the path", DYNEXEC_MEMBER(path))
      .label("key", "", "the setting's key in the path", DYNEXEC_MEMBER(key))
      .label("value", "", "the setting", DYNEXEC_MEMBER(value))
      .label("chosen", "", "1: the setting that the tuned config has", DYNEXEC_MEMBER(chosen))
      .label("passed", "", "1: the loss is bounded with the confidence asked for; empty where nothing was tested",
             DYNEXEC_MEMBER(passed))
      .label("p_value", "", "of the hypothesis that the mean loss is at least the margin", DYNEXEC_MEMBER(p_value))
      .label("test", "", "test behind the p-value", DYNEXEC_MEMBER(test))
      .label("samples", "", "calibration samples measured", DYNEXEC_MEMBER(samples))
      .label("failed_rows", "", "samples that failed; each counts as wholly lost", DYNEXEC_MEMBER(failed_rows))
      .label("quality_metric", "", "what quality measures", DYNEXEC_MEMBER(quality_metric))
      .label("quality", "", "mean score", DYNEXEC_MEMBER(quality))
      .label("quality_drop", "", "mean loss of score against the baseline", DYNEXEC_MEMBER(quality_drop))
      .label("lost", "", "samples with a worse score than the baseline's", DYNEXEC_MEMBER(lost))
      .label("gained", "", "samples with a better score than the baseline's", DYNEXEC_MEMBER(gained))
      .figure("speedup", "", "geometric mean over samples of the baseline's latency over this setting's",
              DYNEXEC_MEMBER(speedup))
      .label("macs_mean", "MAC", "mean multiply-accumulates a sample", DYNEXEC_MEMBER(macs_mean))
      .label("macs_reduction", "", "share of the baseline's multiply-accumulates that is saved",
             DYNEXEC_MEMBER(macs_reduction));
  return std::move(table).fields();
}

}  // namespace

template <>
std::span<const Field<TuneRow>> field_table<TuneRow>() {
  static const std::vector<Field<TuneRow>> table = tune_fields();
  return table;
}

}  // namespace dynexec
