// dynexec compare: paired ratios between the paths of one finished run, or between two runs. Needs no LibTorch.
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/path_bar.hpp"
#include "measure/comparison.hpp"
#include "report/comparison_table.hpp"
#include "report/feature_file.hpp"
#include "report/row_reader.hpp"

namespace dynexec::cli {
namespace {

namespace fs = std::filesystem;

// Where a run has them: what the Fréchet distance is computed from.
void read_features(const fs::path& folder, RunRows& run) {
  const std::string rows = (folder / "features.csv").string();
  const std::string reference = (folder / "reference_features.csv").string();
  if (!fs::exists(rows) || !fs::exists(reference)) return;
  attach_features(read_file(rows), rows, TornEnd::refuse, run.rows);
  for (const SampleRow& row : run.rows)
    if (!row.features.empty()) {
      run.reference_features = read_reference_features(read_file(reference), reference, row.features.size());
      return;
    }
}

RunRows read_run(const std::string& given) {
  fs::path path = given;
  if (fs::is_directory(path)) {
    if (fs::exists(path / "samples.csv.partial") && !fs::exists(path / "samples.csv"))
      throw Error(ErrorKind::data, "the run is not finished", given, "go on with it: dynexec bench CONFIG --resume");
    path /= "samples.csv";
  }
  // Runs of other versions may be compared as long as they have what is compared.
  RunRows run{given,
              read_rows_by_name<SampleRow>(
                  read_file(path.string()), path.string(),
                  {"schema_version", "path", "sample", "sample_id", "repetition", "threads", "latency_ms", "error"}),
              {}};
  read_features(path.parent_path(), run);
  return run;
}

}  // namespace

int compare(const CompareArgs& args) {
  const Format format = parse_format(args.format);
  RunRows first = read_run(args.runs.front()), second;
  if (args.runs.size() > 1) second = read_run(args.runs[1]);
  keep_paths(first, args.runs.size() > 1 ? &second : nullptr, args.paths, args.reference);
  PathBar bar("compare", true);
  const auto rows = compare_runs(first, args.runs.size() > 1 ? &second : nullptr, args.reference, {},
                                 [&bar](std::size_t done, std::size_t of) { bar.update(done, of); });
  print(render_comparison(rows, format, stdout_style()));
  return 0;
}

}  // namespace dynexec::cli
