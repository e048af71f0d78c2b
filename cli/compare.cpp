// dynexec compare: paired ratios between the paths of one finished run, or between two runs. Needs no LibTorch.
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "measure/comparison.hpp"
#include "report/comparison_table.hpp"
#include "report/row_reader.hpp"

namespace dynexec::cli {
namespace {

namespace fs = std::filesystem;

RunRows read_run(const std::string& given) {
  fs::path path = given;
  if (fs::is_directory(path)) {
    if (fs::exists(path / "samples.csv.partial") && !fs::exists(path / "samples.csv"))
      throw Error(ErrorKind::data, "the run is not finished", given, "go on with it: dynexec bench CONFIG --resume");
    path /= "samples.csv";
  }
  // Runs of other versions may be compared as long as they have what is compared.
  return {given, read_rows_by_name<SampleRow>(read_file(path.string()), path.string(),
                                              {"schema_version", "path", "sample", "sample_id", "repetition", "threads",
                                               "latency_ms", "error"})};
}

}  // namespace

int compare(const CompareArgs& args) {
  const Format format = parse_format(args.format);
  const RunRows first = read_run(args.runs.front());
  RunRows second;
  if (args.runs.size() > 1) second = read_run(args.runs[1]);
  print(render_comparison(compare_runs(first, args.runs.size() > 1 ? &second : nullptr, args.reference), format,
                          stdout_style()));
  return 0;
}

}  // namespace dynexec::cli
