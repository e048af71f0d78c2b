#include "measure/options.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"

using namespace dynexec;

namespace {

BenchOptions read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const Config config = Config::parse(text, "test.yaml", overrides);
  const BenchOptions options = read_bench_options(config.root().section("bench"));
  config.reject_unread();
  return options;
}

}  // namespace

TEST_CASE("an absent section gives the defaults, and they show in the resolved config") {
  const Config config = Config::parse("bench: {}\n", "test.yaml", {});
  const BenchOptions options = read_bench_options(config.root().section("bench"));
  CHECK(options.repetitions == BenchOptions().repetitions);
  CHECK(options.threads == 0);
  CHECK(options.bootstrap_resamples >= 2000);
  const std::string resolved = config.resolved_yaml();
  for (const char* key : {"seed", "repetitions", "min_time_s", "max_time_s", "warmup_min", "warmup_max", "warmup_cv",
                          "bootstrap_resamples", "confidence", "interval", "quality_margin", "threads", "batch_size",
                          "trace", "energy", "disturbed_cpu_share", "disturbed_max_share", "length_low"})
    CHECK_MESSAGE(resolved.find(std::string(key) + ":") != std::string::npos, key);
}

TEST_CASE("values are read") {
  const BenchOptions options =
      read("bench: {threads: 2, interval: percentile, seed: 9, batch_size: 4, trace: true, warmup_min: 20}\n",
           {"bench.repetitions=7"});
  CHECK(options.threads == 2);
  CHECK(options.interval == IntervalMethod::percentile);
  CHECK(options.bootstrap().method == IntervalMethod::percentile);
  CHECK(options.bootstrap().seed == 9);
  CHECK(options.batch_size == 4);
  CHECK(options.trace);
  CHECK(options.repetitions == 7);
  CHECK(options.warmup_max == 20);  // the default follows a larger minimum
}

TEST_CASE("values out of bounds and unknown keys are config errors with a place") {
  for (const char* text :
       {"bench: {repetitions: 0}\n", "bench: {bootstrap_resamples: 100}\n", "bench: {confidence: 1.5}\n",
        "bench: {threads: many}\n", "bench: {threads: 0}\n", "bench: {threads: 2x}\n", "bench: {interval: bcaa}\n",
        "bench: {warmup_min: 5, warmup_max: 2}\n", "bench: {max_time_s: -1}\n", "bench: {seed: -1}\n",
        "bench: {energy: joules}\n", "bench: {length_low: 2}\n", "bench: {repetition: 5}\n"}) {
    CAPTURE(text);
    try {
      read(text);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(error.where().find("test.yaml:1:") == 0);
      CHECK_FALSE(error.hint().empty());
    }
  }
}
