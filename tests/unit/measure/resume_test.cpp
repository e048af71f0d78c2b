#include "measure/resume.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "measure/summary.hpp"
#include "mock_experiment.hpp"

using namespace dynexec;
using namespace dynexec::mock;

namespace {

const std::vector<std::string> kPaths = {"base", "a"};

void configure(Bench& bench, std::int64_t batch) {
  bench.options.repetitions = 3;
  bench.options.batch_size = batch;
  // Times depend on nothing but the sample, the repetition and the path, as in a replay.
  for (const std::string& name : kPaths)
    bench.path(name).script = [&bench, name](const Sample& sample, const Streams& streams) {
      bench.clock.pass((name == "a" ? 5.0 : 10.0) + 0.1 * static_cast<double>(sample.index) + streams.repetition);
      return text_outcome({static_cast<std::int32_t>(sample.index)});
    };
}

std::vector<std::tuple<std::int64_t, std::int64_t, std::string, double>> keys(const std::vector<SampleRow>& rows) {
  std::vector<std::tuple<std::int64_t, std::int64_t, std::string, double>> out;
  for (const SampleRow& row : rows) out.emplace_back(row.repetition, row.sample, row.path, row.latency_ms);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("a run cut off after any row resumes to the same set of rows without duplicates") {
  for (const std::int64_t batch : {1, 3}) {
    Bench whole(7, kPaths);
    configure(whole, batch);
    whole.run();
    REQUIRE(whole.sink.rows.size() == 42);
    for (std::size_t cut = 0; cut <= 42; ++cut) {
      CAPTURE(cut);
      Bench resumed(7, kPaths);
      configure(resumed, batch);
      resumed.sink.rows = keep_complete_blocks(std::span(whole.sink.rows).first(cut), kPaths, 7, batch);
      CHECK(resumed.sink.rows.size() <= cut);
      CHECK(resumed.sink.rows.size() + 2 * static_cast<std::size_t>(batch) > cut);
      DoneSet done;
      for (const SampleRow& row : resumed.sink.rows) done.add(row);
      const BenchResult result = resumed.run(done);
      CHECK(result.repetitions == 3);
      CHECK(result.rows.size() + done.size() == 42);
      CHECK(keys(resumed.sink.rows) == keys(whole.sink.rows));
      // The summaries agree, too: rows are all they need.
      const SummaryFacts facts = summary_facts(resumed.experiment);
      const auto once = summarise(whole.sink.rows, whole.options, facts);
      const auto twice = summarise(resumed.sink.rows, resumed.options, facts);
      CHECK(once[1].speedup.low == doctest::Approx(twice[1].speedup.low).epsilon(1e-12));
    }
  }
}

TEST_CASE("a torn block is measured again as a whole") {
  Bench whole(3, kPaths);
  configure(whole, 1);
  whole.run();
  std::vector<SampleRow> rows = whole.sink.rows;
  rows.erase(rows.begin() + 4);  // the baseline of the third block
  const std::vector<SampleRow> kept = keep_complete_blocks(rows, kPaths, 3, 1);
  CHECK(kept.size() == rows.size() - 1);
  Bench resumed(3, kPaths);
  configure(resumed, 1);
  resumed.sink.rows = kept;
  DoneSet done;
  for (const SampleRow& row : kept) done.add(row);
  resumed.run(done);
  CHECK(resumed.calls.size() == 2);
  CHECK(keys(resumed.sink.rows) == keys(whole.sink.rows));
}

TEST_CASE("rows in `done` from half a block do not keep that block from running") {
  Bench bench(2, kPaths);
  configure(bench, 1);
  bench.options.repetitions = 1;
  DoneSet done;
  SampleRow row;
  row.path = "base";
  row.latency_ms = 3;
  done.add(row);
  done.add(row);
  CHECK(done.size() == 1);
  CHECK(done.measured_ms() == 3);
  bench.run(done);
  CHECK(bench.sink.rows.size() == 4);
}

TEST_CASE("a complete run prepares and warms up nothing when resumed") {
  Bench whole(3, kPaths);
  configure(whole, 1);
  whole.run();
  DoneSet done;
  for (const SampleRow& row : whole.sink.rows) done.add(row);
  Bench resumed(3, kPaths);
  configure(resumed, 1);
  resumed.options.warmup_max = 5;
  const BenchResult result = resumed.run(done);
  CHECK(result.rows.empty());
  CHECK(result.repetitions == 3);
  CHECK(resumed.calls.empty());
  CHECK(resumed.path("a").prepared == 0);
}

TEST_CASE("failed rows are done; foreign, duplicate and out-of-range rows are dropped") {
  SampleRow base, a;
  base.path = "base";
  a.path = "a";
  a.error = "boom";
  SampleRow foreign = a, outside = a, negative = a;
  foreign.path = "gone";
  outside.sample = 9;
  negative.sample = -1;
  const std::vector<SampleRow> rows = {foreign, base, base, outside, a, a, negative};
  const std::vector<SampleRow> kept = keep_complete_blocks(rows, kPaths, 3, 1);
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].path == "base");
  CHECK(kept[1].error == "boom");
}

TEST_CASE("min_time_s counts the time of earlier sessions") {
  Bench whole(2, kPaths);
  configure(whole, 1);
  whole.run();
  DoneSet done;
  for (const SampleRow& row : whole.sink.rows) done.add(row);
  Bench resumed(2, kPaths);
  configure(resumed, 1);
  resumed.options.min_time_s = done.measured_ms() / 1e3;
  CHECK(resumed.run(done).rows.empty());
  resumed.options.min_time_s = done.measured_ms() / 1e3 + 0.001;
  CHECK(resumed.run(done).repetitions == 4);
}
