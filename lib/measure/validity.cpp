#include "measure/validity.hpp"

#include <fmt/format.h>

#include <cmath>

namespace dynexec {
namespace {

std::string reason(const std::string& what, const std::string& remedy) {
  return what + "; " + remedy;
}

void check_counts(const ValidityInput& input, std::vector<std::string>& out) {
  const SummaryRow& row = input.row;
  if (row.rows == 0) {
    out.push_back(reason("no rows were measured", "let the run finish, or resume it with --resume"));
    return;
  }
  if (row.failed_rows > 0)
    out.push_back(
        reason(fmt::format("{} of {} rows failed, the first with: {}", row.failed_rows, row.rows, input.first_error),
               "remove the cause, or leave those samples out of the task"));
  if (row.failed_rows == row.rows) return;
  if (row.samples < kMinSamples)
    out.push_back(reason(fmt::format("too few samples: {} of at least {}", row.samples, kMinSamples),
                         "take more samples from the task"));
  if (input.min_repetitions < kMinRepetitions && row.samples < kManySamples)
    out.push_back(reason(fmt::format("too few repetitions: {} of at least {} below {} samples", input.min_repetitions,
                                     kMinRepetitions, kManySamples),
                         fmt::format("set bench.repetitions={}", kMinRepetitions)));
}

void check_machine(const ValidityInput& input, const BenchOptions& options, const SummaryFacts& facts,
                   std::vector<std::string>& out) {
  const SummaryRow& row = input.row;
  const std::int64_t measured = row.rows - row.failed_rows;
  if (measured > 0 &&
      static_cast<double>(row.disturbed_rows) > options.disturbed_max_share * static_cast<double>(measured))
    out.push_back(
        reason(fmt::format("{} of {} rows were disturbed by other work on the machine", row.disturbed_rows, measured),
               "stop other programs, use fewer threads (bench.threads), or run again"));
  if (facts.cpus > 0 && row.threads > facts.cpus)
    out.push_back(reason(fmt::format("{} threads share {} CPUs", row.threads, facts.cpus),
                         fmt::format("set bench.threads=auto or at most {}", facts.cpus)));
  if (!facts.build.optimised || facts.build.type == "Debug")
    out.push_back(reason("dynexec was built without optimisation", "build it with cmake --preset release"));
  if (!facts.build.sanitizer.empty())
    out.push_back(reason("dynexec was built with the sanitizer " + facts.build.sanitizer,
                         "build it with cmake --preset release"));
  if (facts.stopped_by_max_time)
    out.push_back(reason("bench.max_time_s ended the run before all repetitions were measured", "raise or remove it"));
}

void check_output(const ValidityInput& input, const BenchOptions& options, std::vector<std::string>& out) {
  const double length = input.row.tokens_mean / input.baseline.tokens_mean;
  if (length < options.length_low || length > options.length_high)
    out.push_back(reason(fmt::format("the output is {:.2f} times as long as the baseline's, outside {:.2f} to {:.2f}",
                                     length, options.length_low, options.length_high),
                         "compare paths that stop alike, or judge time per token and set bench.length_low and "
                         "bench.length_high"));
  if (input.non_finite)
    out.push_back(
        reason("a measured figure is not finite", "look for inf or nan in samples.csv; a weights format may overflow"));
}

}  // namespace

std::vector<std::string> invalid_reasons(const ValidityInput& input, const BenchOptions& options,
                                         const SummaryFacts& facts) {
  std::vector<std::string> out;
  check_counts(input, out);
  check_machine(input, options, facts, out);
  check_output(input, options, out);
  return out;
}

}  // namespace dynexec
