// The columns that `dynexec compare --format csv` prints.
#include "report/field_build.hpp"

namespace dynexec {
namespace {

std::vector<Field<ComparisonRow>> comparison_fields() {
  field_build::Builder<ComparisonRow> table;
  table.label("run", "", "run of the path", DYNEXEC_MEMBER(run))
      .label("path", "", "path that is compared", DYNEXEC_MEMBER(path))
      .label("reference_run", "", "run of the reference", DYNEXEC_MEMBER(reference_run))
      .label("reference", "", "path that it is compared with", DYNEXEC_MEMBER(reference))
      .label("samples", "", "samples that both measured", DYNEXEC_MEMBER(samples))
      .label("repetitions", "", "repetitions that both completed", DYNEXEC_MEMBER(repetitions))
      .figure("latency_ratio", "", "geometric mean over samples of the reference's latency over the path's",
              DYNEXEC_MEMBER(latency_ratio))
      .figure("latency_ratio_total", "", "total time of the reference over total time of the path",
              DYNEXEC_MEMBER(latency_ratio_total))
      .label("mann_whitney_p", "", "two-sided, of the total times of repetitions", DYNEXEC_MEMBER(mann_whitney_p))
      .label("quality_metric", "", "what quality measures", DYNEXEC_MEMBER(quality_metric))
      .figure("quality_delta", "", "mean score minus the reference's, paired by sample", DYNEXEC_MEMBER(quality_delta))
      .figure("attribute_accuracy_delta", "", "mean attribute accuracy minus the reference's, paired by sample",
              DYNEXEC_MEMBER(attribute_accuracy_delta))
      .figure("frechet_delta", "",
              "Fréchet distance to the task's reference minus that of the reference path, paired by sample",
              DYNEXEC_MEMBER(frechet_delta))
      .figure("macs_ratio", "", "multiply-accumulates of the reference over the path's", DYNEXEC_MEMBER(macs_ratio))
      .figure("evaluations_ratio", "", "evaluations of a diffusion network of the reference over the path's",
              DYNEXEC_MEMBER(evaluations_ratio))
      .figure("energy_ratio", "", "measured energy of the reference over the path's", DYNEXEC_MEMBER(energy_ratio))
      .figure("modelled_energy_ratio", "", "energy under the same hardware profile, the reference's over the path's",
              DYNEXEC_MEMBER(modelled_energy_ratio))
      .label("notes", "", "what stands in the way of quoting it", DYNEXEC_MEMBER(notes));
  return std::move(table).fields();
}

}  // namespace

template <>
std::span<const Field<ComparisonRow>> field_table<ComparisonRow>() {
  static const std::vector<Field<ComparisonRow>> table = comparison_fields();
  return table;
}

}  // namespace dynexec
