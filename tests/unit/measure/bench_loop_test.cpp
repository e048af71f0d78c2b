#include "measure/bench_loop.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "mock_experiment.hpp"

using namespace dynexec;
using namespace dynexec::mock;
using doctest::Approx;

TEST_CASE("every sample runs through all paths in every repetition, in an order that changes") {
  Bench bench(40, {"base", "a", "b"});
  bench.options.repetitions = 4;
  const BenchResult result = bench.run();
  CHECK(result.repetitions == 4);
  REQUIRE(bench.sink.rows.size() == 40 * 4 * 3);
  CHECK(result.rows.size() == bench.sink.rows.size());
  CHECK(std::set<std::size_t>(bench.sink.block_sizes.begin(), bench.sink.block_sizes.end()) ==
        std::set<std::size_t>{3});

  // Three calls in a row belong to one sample and repetition: drift hits all paths alike.
  std::map<std::string, int> orders, first;
  for (std::size_t i = 0; i < bench.calls.size(); i += 3) {
    std::string order;
    for (std::size_t k = i; k < i + 3; ++k) {
      CHECK(bench.calls[k].sample == bench.calls[i].sample);
      CHECK(bench.calls[k].repetition == bench.calls[i].repetition);
      CHECK(bench.row(bench.calls[k].path, static_cast<std::int64_t>(bench.calls[k].sample), bench.calls[k].repetition)
                .order == static_cast<std::int64_t>(k - i));
      order += bench.calls[k].path + " ";
    }
    ++orders[order];
    ++first[bench.calls[i].path];
  }
  // 160 blocks over 6 orders: 26.7 expected, standard deviation 4.7.
  CHECK(orders.size() == 6);
  for (const auto& entry : orders) CHECK_MESSAGE(std::abs(entry.second - 26.7) < 4 * 4.7, entry.first);

  // Rows come in the order of the paths, whatever the order of the runs was.
  for (std::size_t i = 0; i < bench.sink.rows.size(); i += 3) {
    CHECK(bench.sink.rows[i].path == "base");
    CHECK(bench.sink.rows[i + 2].path == "b");
  }

  Bench again(40, {"base", "a", "b"});
  again.options.repetitions = 4;
  again.run();
  CHECK(std::equal(bench.calls.begin(), bench.calls.end(), again.calls.begin(), again.calls.end(),
                   [](const Call& x, const Call& y) { return x.path == y.path && x.sample == y.sample; }));
}

TEST_CASE("a row holds what the clock, the outcome and the task say") {
  Bench bench(2, {"base", "fast"});
  bench.options.repetitions = 1;
  bench.request.threads = 1;
  bench.request.read_gb_per_s = 10;
  bench.path("fast").script = [&](const Sample& sample, const Streams& streams) {
    CHECK(streams.sample == sample.index);
    CHECK(streams.seed == bench.options.seed);
    bench.clock.pass(5);
    Outcome outcome = text_outcome({1, 2, 3, 4, 5}, sample.index ? "wrong" : "right");
    outcome.first_token_ms = 1;
    outcome.prefill_ms = 0.5;
    outcome.cost.weight_bytes = 4e6;
    outcome.cost.kv_bytes = 1e6;
    return outcome;
  };
  bench.run();
  const SampleRow& row = bench.row("fast", 1, 0);
  CHECK(row.config == "mock");
  CHECK(row.method == "mock");
  CHECK(row.sample_id == "s1");
  CHECK(row.group == "odd");
  CHECK(row.latency_ms == Approx(5));
  CHECK(row.cpu_ms == Approx(5));
  CHECK(row.ttft_ms == 1);
  CHECK(row.prefill_ms == 0.5);
  CHECK(row.tpot_ms == Approx(1));
  CHECK(row.bandwidth_share == Approx(0.1));  // 5 MB in 5 ms of 10 GB/s
  CHECK(row.quality == 0);
  CHECK(row.quality_metric == "exact_match");
  CHECK(bench.row("fast", 0, 0).quality == 1);
  CHECK(row.peak_rss_mb > 0);
  CHECK(std::isnan(row.energy_j));
  CHECK(std::isnan(bench.row("base", 0, 0).ttft_ms));
  // printf '\1\0\0\0\2\0\0\0\3\0\0\0' | sha256sum
  CHECK(bench.row("base", 0, 0).output_hash == "4636993d3e1da4e9");
  CHECK(row.output_hash.size() == 16);
  CHECK_FALSE(row.equal_to_baseline.has_value());
}

TEST_CASE("the host's bandwidth and energy are not those of a path that runs elsewhere") {
  Bench bench(2, {"host", "gpu"});
  bench.options.repetitions = 1;
  bench.request.read_gb_per_s = 10;
  bench.path("gpu").about.host_only = false;
  for (const char* name : {"host", "gpu"})
    bench.path(name).script = [&](const Sample&, const Streams&) {
      bench.clock.pass(5);
      Outcome outcome = text_outcome({1});
      outcome.cost.weight_bytes = 5e6;
      return outcome;
    };
  bench.run();
  CHECK(bench.row("host", 0, 0).bandwidth_share == Approx(0.1));
  CHECK(std::isnan(bench.row("gpu", 0, 0).bandwidth_share));
  CHECK(bench.row("gpu", 0, 0).latency_ms == Approx(5));
  CHECK(std::isnan(bench.row("gpu", 0, 0).energy_j));
}

TEST_CASE("lossless paths are compared with the baseline of the same block, whichever ran first") {
  Bench bench(30, {"base", "same", "other", "lossy"});
  bench.options.repetitions = 1;
  bench.path("same").about.lossless = bench.path("other").about.lossless = true;
  // Tokens differ from sample to sample, so that a comparison with a wrong sample would show.
  const auto tokens = [](const Sample& sample) {
    return std::vector<std::int32_t>{7, static_cast<std::int32_t>(sample.index), 9};
  };
  for (const char* name : {"base", "same"})
    bench.path(name).script = [&](const Sample& sample, const Streams&) { return text_outcome(tokens(sample)); };
  bench.path("other").script = [&](const Sample& sample, const Streams&) {
    auto mine = tokens(sample);
    if (sample.index == 3) mine[2] = 0;
    return text_outcome(mine);
  };
  bench.run();
  for (std::int64_t sample = 0; sample < 30; ++sample) {
    CHECK(bench.row("same", sample, 0).equal_to_baseline == true);
    CHECK(bench.row("other", sample, 0).equal_to_baseline == (sample != 3));
    CHECK_FALSE(bench.row("lossy", sample, 0).equal_to_baseline.has_value());
    CHECK_FALSE(bench.row("base", sample, 0).equal_to_baseline.has_value());
  }
  CHECK(bench.row("other", 3, 0).first_mismatch == 2);
  CHECK(bench.row("other", 3, 0).mismatch_logit_gap == 0.25);
  CHECK(bench.row("other", 4, 0).first_mismatch == -1);
}

TEST_CASE("a failing sample gives a row with its error and no figures, and the run goes on") {
  Bench bench(4, {"base", "frail"});
  bench.options.repetitions = 2;
  bench.path("frail").about.lossless = true;
  bench.path("frail").script = [&](const Sample& sample, const Streams&) {
    bench.clock.pass(3);
    if (sample.index == 1) throw Error(ErrorKind::data, "prompt too long", "s1", "shorten it");
    if (sample.index == 2) throw std::runtime_error("boom");
    return text_outcome({1, 2, 3});
  };
  bench.path("base").script = [&](const Sample& sample, const Streams&) {
    if (sample.index == 3) throw std::bad_alloc();
    return text_outcome({1, 2, 3});
  };
  bench.run();
  CHECK(bench.sink.rows.size() == 16);
  const SampleRow& failed = bench.row("frail", 1, 1);
  CHECK(failed.error == "s1: prompt too long");
  CHECK(bench.row("frail", 2, 0).error == "boom");
  CHECK(std::isnan(failed.latency_ms));
  CHECK(std::isnan(failed.quality));
  CHECK(failed.cost.tokens == 0);
  CHECK_FALSE(failed.disturbed);
  CHECK(bench.row("frail", 0, 0).error == "");
  CHECK(bench.row("frail", 0, 0).equal_to_baseline == true);
  // The baseline failed: there is nothing to compare with, but the row itself stands.
  CHECK_FALSE(bench.row("base", 3, 0).error.empty());
  CHECK(bench.row("frail", 3, 0).error == "");
  CHECK_FALSE(bench.row("frail", 3, 0).equal_to_baseline.has_value());
}

TEST_CASE("a failing score is an error of that row too") {
  struct Picky : CountingTask {
    std::vector<Score> score(const Sample& sample, const Outcome&) const override {
      if (sample.index == 1) throw Error(ErrorKind::data, "no reference", "", "add one");
      return {};
    }
  };
  Bench bench(2, {"base"});
  auto task = std::make_shared<Picky>();
  task->count = 2;
  bench.experiment.task = task;
  bench.options.repetitions = 1;
  bench.run();
  CHECK(bench.row("base", 1, 0).error == "no reference");
  CHECK(std::isnan(bench.row("base", 1, 0).latency_ms));
  CHECK(std::isnan(bench.row("base", 0, 0).quality));
}

TEST_CASE("interruption, internal errors and a failing sink end the run; whole blocks are kept") {
  for (const ErrorKind kind : {ErrorKind::interrupted, ErrorKind::internal}) {
    Bench bench(5, {"base", "a"});
    bench.path("a").script = [&](const Sample& sample, const Streams&) -> Outcome {
      if (sample.index == 2) throw Error(kind, "stop", "", "");
      return text_outcome({1});
    };
    CHECK_THROWS_AS(bench.run(), Error);
    CHECK(bench.sink.rows.size() == 4);
  }
  Bench interrupted(5, {"base"});
  interrupted.request.progress = [](const BenchProgress& progress) {
    if (progress.done == 3) throw Error(ErrorKind::interrupted, "Ctrl-C", "", "resume");
  };
  CHECK_THROWS_AS(interrupted.run(), Error);
  CHECK(interrupted.sink.rows.size() == 3);

  struct FullDisk : RowSink {
    void write_block(std::span<const SampleRow>, std::span<const TraceRecord>) override {
      throw Error(ErrorKind::io, "no space left", "samples.csv", "free some");
    }
  } full;
  Bench bench(2, {"base"});
  CHECK_THROWS_AS(run_bench(bench.experiment, bench.options, bench.request, full), Error);

  Bench miscounted(2, {"base"});
  miscounted.options.batch_size = 2;
  struct Short : ScriptedPath {
    std::vector<Outcome> run(std::span<const Sample>, std::span<const Streams>, const RunRequest&) override {
      return {text_outcome({1})};
    }
  };
  auto path = std::make_unique<Short>();
  path->about.name = "short";
  miscounted.experiment.paths.push_back(std::move(path));
  CHECK_THROWS_WITH_AS(miscounted.run(), doctest::Contains("1 outcomes for 2 samples"), Error);
}

TEST_CASE("disturbed rows are marked and kept") {
  Bench bench(4, {"base", "a"});
  bench.options.repetitions = 1;
  bench.path("a").script = [&](const Sample& sample, const Streams&) {
    bench.clock.pass(100);
    if (sample.index == 1) bench.clock.now.wall_ns += 900'000'000;  // waits for a CPU
    if (sample.index == 2) bench.clock.now.involuntary_switches += 50;
    if (sample.index == 3) bench.clock.now.wait_ns += 60'000'000;
    return text_outcome({1});
  };
  bench.run();
  CHECK_FALSE(bench.row("a", 0, 0).disturbed);
  for (std::int64_t sample = 1; sample < 4; ++sample) CHECK(bench.row("a", sample, 0).disturbed);
  CHECK(bench.row("a", 1, 0).latency_ms == Approx(1000));
  CHECK(bench.row("a", 2, 0).involuntary_switches == 50);
  CHECK_FALSE(bench.row("base", 1, 0).disturbed);
}

TEST_CASE("warm-up stops when stable, and its fastest run sets the CPU share to expect") {
  Bench bench(3, {"base"});
  bench.options.repetitions = 1;
  bench.options.warmup_min = 1;
  bench.options.warmup_max = 20;
  bench.request.threads = 2;
  int runs = 0;
  bench.path("base").script = [&](const Sample& sample, const Streams&) {
    const double ms = runs++ < 4 ? 400.0 / runs : 40;
    bench.clock.pass(ms);
    // The second thread works, too, except on sample 2, where it gets no CPU.
    if (sample.index != 2) bench.clock.now.cpu_ns += static_cast<std::int64_t>(ms * 1e6);
    return text_outcome({1});
  };
  const BenchResult result = bench.run();
  REQUIRE(result.warmup.size() == 1);
  CHECK(result.warmup[0].runs == 7);  // four falling ones, then three equal ones
  CHECK(result.warmup[0].stable);
  CHECK(result.warmup[0].cv == Approx(0));
  CHECK(result.warmup[0].cpu_share == Approx(2));
  CHECK(bench.path("base").prepared == 1);
  CHECK(bench.sink.rows.size() == 3);
  CHECK_FALSE(bench.row("base", 1, 0).disturbed);
  CHECK(bench.row("base", 2, 0).disturbed);
}

TEST_CASE("warm-up is bounded in runs and time, and survives failing samples") {
  Bench noisy(3, {"base"});
  noisy.options.repetitions = 1;
  noisy.options.warmup_max = 6;
  int runs = 0;
  noisy.path("base").script = [&](const Sample&, const Streams&) {
    noisy.clock.pass(++runs % 2 ? 10 : 30);
    return text_outcome({1});
  };
  const PathWarmup warmup = noisy.run().warmup[0];
  CHECK(warmup.runs == 6);
  CHECK_FALSE(warmup.stable);
  CHECK(warmup.cv > 0.3);

  Bench slow(3, {"base"});
  slow.options.repetitions = 1;
  slow.options.warmup_min = 1;
  slow.options.warmup_max = 8;
  slow.options.warmup_max_s = 5;
  slow.path("base").script = [&](const Sample&, const Streams&) {
    slow.clock.pass(3000);
    return text_outcome({1});
  };
  CHECK(slow.run().warmup[0].runs == 2);

  Bench failing(5, {"base"});
  failing.options.repetitions = 1;
  failing.options.warmup_max = 8;
  failing.path("base").script = [&](const Sample&, const Streams&) -> Outcome { throw std::runtime_error("always"); };
  CHECK(failing.run().warmup[0].runs == 3);
  CHECK(failing.sink.rows.size() == 5);
}

TEST_CASE("a batch is one call, and its rows share the time") {
  Bench bench(5, {"base", "a"});
  bench.options.repetitions = 2;
  bench.options.batch_size = 2;
  bench.path("a").script = [&](const Sample&, const Streams&) {
    bench.clock.pass(10);
    Outcome outcome = text_outcome({1, 2, 3});
    outcome.first_token_ms = 4;
    return outcome;
  };
  bench.run();
  CHECK(bench.sink.rows.size() == 20);
  CHECK(bench.sink.block_sizes == std::vector<std::size_t>{4, 4, 2, 4, 4, 2});
  CHECK(std::count_if(bench.calls.begin(), bench.calls.end(), [](const Call& call) { return call.batch == 2; }) == 8);
  CHECK(bench.row("a", 0, 0).latency_ms == Approx(10));  // 20 ms for two
  CHECK(bench.row("a", 4, 1).latency_ms == Approx(10));  // alone in the last block
  CHECK(bench.row("a", 0, 0).tpot_ms == Approx(8));      // (20 - 4) / 2
}

TEST_CASE("min_time_s asks for more repetitions") {
  Bench bench(2, {"base"});
  bench.options.repetitions = 1;
  bench.options.min_time_s = 0.1;
  const BenchResult result = bench.run();
  CHECK(result.repetitions == 5);  // 20 ms each
  CHECK_FALSE(result.stopped_by_max_time);

  Bench failing(2, {"base"});
  failing.options.repetitions = 2;
  failing.options.min_time_s = 10;
  failing.path("base").script = [](const Sample&, const Streams&) -> Outcome { throw std::runtime_error("no"); };
  CHECK(failing.run().repetitions == 2);
}

TEST_CASE("max_time_s ends the run between blocks and says so") {
  Bench bench(50, {"base", "a"});
  bench.options.repetitions = 10;
  bench.options.max_time_s = 1e-9;
  const BenchResult result = bench.run();
  CHECK(result.stopped_by_max_time);
  CHECK(bench.sink.rows.size() == 2);
  CHECK(result.repetitions == 0);
}

TEST_CASE("traces are collected on request only") {
  Bench bench(2, {"base", "a"});
  bench.options.repetitions = 1;
  bench.run();
  CHECK(bench.sink.traces.empty());
  Bench traced(2, {"base", "a"});
  traced.options.repetitions = 1;
  traced.options.trace = true;
  traced.run();
  REQUIRE(traced.sink.traces.size() == 4);
  CHECK(traced.sink.traces[1].path == "a");
  CHECK(traced.sink.traces[1].lines == std::vector<std::string>{"{\"step\":1}"});
}

TEST_CASE("an experiment without samples or paths, or with equal names, is a config error") {
  CHECK_THROWS_AS(Bench(0, {"base"}).run(), Error);
  CHECK_THROWS_AS(Bench(1, {}).run(), Error);
  CHECK_THROWS_AS(Bench(1, {"x", "x"}).run(), Error);
}
