#include "report/run_folder.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "report/row_reader.hpp"
#include "report/table.hpp"
#include "run_fixture.hpp"

using namespace dynexec;
using namespace dynexec::fixture;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kPaths{"autoregressive", "draft"};
constexpr std::int64_t kSamples = 4, kRepetitions = 2;

std::vector<SampleRow> block(std::int64_t sample, std::int64_t repetition) {
  return {sample_row(sample, repetition, kPaths[0]), sample_row(sample, repetition, kPaths[1])};
}

std::vector<TraceRecord> traces(std::int64_t sample, std::int64_t repetition) {
  return {{sample, repetition, "test", "draft", {"{\"length\":4}", "{\"length\":2}"}}};
}

// Measures all blocks that are not done, as the bench loop does; stops before block `stop`.
void measure(RunFolder& folder, const std::vector<SampleRow>& kept, std::int64_t stop = 1000) {
  DoneSet done;
  for (const auto& row : kept) done.add(row);
  std::int64_t number = 0;
  for (std::int64_t r = 0; r < kRepetitions; ++r)
    for (std::int64_t s = 0; s < kSamples; ++s) {
      if (number++ >= stop) return;
      if (!done.contains(s, r, kPaths[0])) folder.write_block(block(s, r), traces(s, r));
    }
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a run leaves its files and can be read back") {
  TempFolder temp;
  RunFolder folder(temp.path, identity());
  CHECK(folder.state() == RunState::absent);
  CHECK(folder.path() == temp.path + "/quickstart/" + identity().run_id());
  folder.start();
  CHECK(folder.state() == RunState::planned);
  folder.write_environment("{}\n");
  measure(folder, {});
  CHECK(folder.state() == RunState::running);
  CHECK(!fs::exists(folder.path() + "/samples.csv"));
  folder.finish(std::vector<SummaryRow>{baseline_row(), summary_row("draft", 2)});

  RunFolder found(temp.path, identity());
  CHECK(found.state() == RunState::done);
  CHECK(found.samples().size() == 16);
  CHECK(csv_line(found.samples()[1]) == csv_line(block(0, 0)[1]));
  REQUIRE(found.summary().size() == 2);
  CHECK(found.summary()[1].speedup.value == 2);
  CHECK(read(found.path() + "/config.yaml") == "seed: 1\n");
  CHECK(count_lines(read(found.path() + "/traces.jsonl")) == 16);
  CHECK(!fs::exists(found.path() + "/samples.csv.partial"));
}

TEST_CASE("identity: config, model, its role and the columns decide, the model's place does not") {
  const auto base = identity().hash();
  CHECK(base.size() == 64);
  CHECK(identity("seed: 2\n").hash() != base);
  auto other = identity();
  other.provenance[0].path = "elsewhere";
  CHECK(other.hash() == base);
  other.provenance[0].sha256 = "bb22";
  CHECK(other.hash() != base);
  other = identity();
  other.provenance[0].role = "draft";
  CHECK(other.hash() != base);
  // Parts cannot flow into each other.
  CHECK(RunIdentity{"ab", "c", {}}.hash() != RunIdentity{"a", "bc", {}}.hash());
}

TEST_CASE("killed at any byte, a resumed run ends with the same set of rows") {
  TempFolder temp;
  std::string whole, folder_path;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {});
    folder_path = folder.path();
    whole = read(folder_path + "/samples.csv.partial");
  }
  const std::string whole_traces = read(folder_path + "/traces.jsonl.partial");
  const auto expected = keys(read_rows<SampleRow>(whole, "whole", TornEnd::refuse));
  CHECK(expected.size() == 16);
  for (std::size_t size = 0; size <= whole.size(); size += 37) {
    CAPTURE(size);
    write(folder_path + "/samples.csv.partial", whole.substr(0, size));
    write(folder_path + "/traces.jsonl.partial", whole_traces.substr(0, std::min(size, whole_traces.size())));
    RunFolder folder(temp.path, identity());
    const auto kept = folder.resume(kPaths, kSamples, 1);
    CHECK(kept.size() % 2 == 0);  // whole blocks
    measure(folder, kept);
    folder.finish({});
    const auto rows = folder.samples();
    CHECK(rows.size() == 16);
    CHECK(keys(rows) == expected);
    fs::remove(folder_path + "/samples.csv");
    fs::remove(folder_path + "/state.json");
  }
}

TEST_CASE("decisions of rows that were lost are lost with them") {
  TempFolder temp;
  RunFolder folder(temp.path, identity());
  folder.start();
  measure(folder, {}, 3);
  const std::string path = folder.path() + "/samples.csv.partial";
  const std::string text = read(path);
  RunFolder resumed = [&] {
    { RunFolder gone = std::move(folder); }
    // The third block's last row was not written.
    write(path, text.substr(0, text.rfind('\n', text.size() - 2) + 1));
    return RunFolder(temp.path, identity());
  }();
  CHECK(resumed.state() == RunState::running);
  CHECK(resumed.resume(kPaths, kSamples, 1).size() == 4);
  CHECK(count_lines(read(resumed.path() + "/traces.jsonl.partial")) == 4);
  CHECK(count_lines(read(path)) == 5);
}

TEST_CASE("killed between the last rename and the note that the run is done") {
  TempFolder temp;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {});
    fs::rename(folder.path() + "/samples.csv.partial", folder.path() + "/samples.csv");
  }
  RunFolder folder(temp.path, identity());
  CHECK(folder.resume(kPaths, kSamples, 1).size() == 16);
}

TEST_CASE("two processes do not measure into one folder") {
  TempFolder temp;
  RunFolder first(temp.path, identity());
  first.start();
  RunFolder second(temp.path, identity());
  CHECK_THROWS_AS(second.start(), Error);
  CHECK_THROWS_AS(second.resume(kPaths, kSamples, 1), Error);
}

TEST_CASE("starting over keeps unfinished rows aside") {
  TempFolder temp;
  std::string text;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {}, 3);
    text = read(folder.path() + "/samples.csv.partial");
  }
  RunFolder again(temp.path, identity());
  again.start();
  CHECK(read(again.path() + "/samples.csv.partial.old") == text);
  CHECK(count_lines(read(again.path() + "/samples.csv.partial")) == 1);
  CHECK(!fs::exists(again.path() + "/traces.jsonl.partial"));
}

TEST_CASE("rows of another config, another version or a damaged file are refused") {
  TempFolder temp;
  std::string path;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {}, 2);
    path = folder.path();
  }
  const std::string text = read(path + "/samples.csv.partial");
  const auto refused = [&](const std::string& changed) {
    write(path + "/samples.csv.partial", changed);
    RunFolder folder(temp.path, identity());
    try {
      folder.resume(kPaths, kSamples, 1);
    } catch (const Error& error) {
      CHECK(!error.hint().empty());
      return error.where();
    }
    return std::string("accepted");
  };
  std::string other = text;
  other.replace(other.find("quickstart"), 10, "another__x");
  CHECK(refused(other) != "accepted");
  other = text;
  other.replace(other.find("latency_ms"), 10, "latency_us");
  CHECK(refused(other).ends_with("samples.csv.partial:1"));
  other = text;
  other.insert(other.find('\n') + 1, "torn in the middle\n");
  CHECK(refused(other).ends_with("samples.csv.partial:2"));
  other = text;
  other.replace(other.find("\n1,") + 1, 1, "9");
  CHECK(refused(other).ends_with("samples.csv.partial:2"));
  CHECK(refused(text) == "accepted");

  write(path + "/state.json", "{\"state\": \"running\", \"identity\": \"0\"}");
  CHECK_THROWS_AS(RunFolder(temp.path, identity()), Error);
  write(path + "/state.json", "{\"sta");
  CHECK_THROWS_AS(RunFolder(temp.path, identity()), Error);
}

TEST_CASE("a finished file that was edited is not reported as measured") {
  TempFolder temp;
  RunFolder folder(temp.path, identity());
  folder.start();
  measure(folder, {});
  folder.finish({});
  std::ofstream(folder.path() + "/samples.csv", std::ios::app) << "1,2,3\n";
  CHECK_THROWS_AS(RunFolder(temp.path, identity()).samples(), Error);
}

TEST_CASE("failure is recorded and can be resumed") {
  TempFolder temp;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {}, 1);
    folder.fail("interrupted");
  }
  RunFolder folder(temp.path, identity());
  CHECK(folder.state() == RunState::failed);
  CHECK(folder.resume(kPaths, kSamples, 1).size() == 2);
}

TEST_CASE("a folder that cannot be written to is found out before anything is measured") {
  TempFolder temp;
  write(temp.path + "/quickstart", "a file, not a folder");
  RunFolder folder(temp.path, identity());
  try {
    folder.start();
    FAIL("started");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
  }
}

TEST_CASE("a config's name cannot leave the results folder") {
  CHECK(RunFolder("results", {"../../etc", "", {}}).path().starts_with("results/_._.._etc/"));
  CHECK(RunFolder("results", {"", "", {}}).path().starts_with("results/run/"));
}
