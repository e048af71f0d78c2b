#include "measure/options.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace dynexec {
namespace {

int read_threads(const Node& bench) {
  const std::string text = bench.get_string("threads", "auto");
  if (text == "auto") return 0;
  int threads = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threads);
  if (error != std::errc() || end != text.data() + text.size() || threads < 1 || threads > 4096)
    bench.at("threads").fail("threads is '" + text + "'", "write auto or a count from 1 to 4096");
  return threads;
}

}  // namespace

BenchOptions read_bench_options(const Node& bench) {
  constexpr double kYear = 3.2e7, kAny = std::numeric_limits<double>::max();
  BenchOptions o;
  o.seed = static_cast<std::uint64_t>(
      bench.get_int("seed", static_cast<std::int64_t>(o.seed), 0, std::numeric_limits<std::int64_t>::max()));
  o.repetitions = bench.get_int("repetitions", o.repetitions, 1, kMaxRepetitions);
  o.min_time_s = bench.get_double("min_time_s", o.min_time_s, 0, kYear);
  o.max_time_s = bench.get_double("max_time_s", o.max_time_s, 0, kYear);
  o.warmup_min = bench.get_int("warmup_min", o.warmup_min, 0, 100'000);
  o.warmup_max = bench.get_int("warmup_max", std::max(o.warmup_min, o.warmup_max), 0, 100'000);
  if (o.warmup_max < o.warmup_min)
    bench.at("warmup_max").fail("warmup_max is below warmup_min", "raise it, or lower warmup_min");
  o.warmup_window = bench.get_int("warmup_window", o.warmup_window, 2, 1000);
  o.warmup_cv = bench.get_double("warmup_cv", o.warmup_cv, 0, 10);
  o.warmup_max_s = bench.get_double("warmup_max_s", o.warmup_max_s, 0, kYear);
  o.bootstrap_resamples = bench.get_int("bootstrap_resamples", o.bootstrap_resamples, 2000, 1'000'000);
  o.confidence = bench.get_double("confidence", o.confidence, 0.5, 0.999);
  o.interval = bench.get_choice("interval", "bca", {"bca", "percentile"}) == "bca" ? IntervalMethod::bca
                                                                                   : IntervalMethod::percentile;
  o.quality_margin = bench.get_double("quality_margin", o.quality_margin, 0, kAny);
  o.threads = read_threads(bench);
  o.batch_size = bench.get_int("batch_size", o.batch_size, 1, 1'000'000);
  o.trace = bench.get_bool("trace", o.trace);
  o.energy = bench.get_choice("energy", o.energy, {"auto", "rapl", "none"});
  o.disturbed_cpu_share = bench.get_double("disturbed_cpu_share", o.disturbed_cpu_share, 0, 1);
  o.disturbed_switches = bench.get_double("disturbed_switches", o.disturbed_switches, 0, kAny);
  o.disturbed_switches_per_s = bench.get_double("disturbed_switches_per_s", o.disturbed_switches_per_s, 0, kAny);
  o.disturbed_max_share = bench.get_double("disturbed_max_share", o.disturbed_max_share, 0, 1);
  o.length_low = bench.get_double("length_low", o.length_low, 0, 1);
  o.length_high = bench.get_double("length_high", o.length_high, 1, kAny);
  return o;
}

}  // namespace dynexec
