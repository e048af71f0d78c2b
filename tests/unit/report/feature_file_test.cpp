#include "report/feature_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error.hpp"
#include "measure/summary.hpp"
#include "report/row_reader.hpp"
#include "run_fixture.hpp"

using namespace dynexec;
using namespace dynexec::fixture;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kPaths{"autoregressive", "draft, \"quoted\""};
constexpr std::int64_t kSamples = 3, kRepetitions = 2;

// No short decimal numbers, and different for every row.
std::vector<float> features_of(std::int64_t sample, const std::string& path) {
  const auto place = static_cast<float>(3 * sample + (path == kPaths[0] ? 1 : 2));
  return {std::sqrt(place), -1e-30F / place, place};
}

std::vector<SampleRow> block(std::int64_t sample, std::int64_t repetition) {
  std::vector<SampleRow> rows;
  for (const std::string& path : kPaths) {
    rows.push_back(sample_row(sample, repetition, path));
    if (repetition == 0) rows.back().features = features_of(sample, path);
  }
  // The second path fails on the last sample.
  if (sample == kSamples - 1) rows[1].error = "out of memory", rows[1].features.clear();
  return rows;
}

// Measures all blocks that are not done.
void measure(RunFolder& folder, const std::vector<SampleRow>& kept) {
  DoneSet done;
  for (const auto& row : kept) done.add(row);
  for (std::int64_t r = 0; r < kRepetitions; ++r)
    for (std::int64_t s = 0; s < kSamples; ++s)
      if (!done.contains(s, r, kPaths[0])) folder.write_block(block(s, r), {});
}

void check_features(const std::vector<SampleRow>& rows) {
  for (const SampleRow& row : rows) {
    CAPTURE(row.path);
    CAPTURE(row.sample);
    if (row.repetition == 0 && row.error.empty()) {
      CHECK(row.features == features_of(row.sample, row.path));
    } else {
      CHECK(row.features.empty());
    }
  }
}

std::string refused_at(const std::string& text) {
  std::vector<SampleRow> rows{sample_row(0, 0, "a")};
  try {
    attach_features(text, "features.csv", TornEnd::refuse, rows);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(!error.hint().empty());
    return error.where();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("features survive the way through the file, bit by bit") {
  using Limits = std::numeric_limits<float>;
  TempFolder temp;
  const std::string path = temp.path + "/features.csv";
  std::vector<SampleRow> rows{sample_row(0, 0, "a, b"), sample_row(7, 0, "a, b"), sample_row(7, 1, "a, b")};
  rows[0].features = {0.1F, -0.F, Limits::denorm_min(), Limits::max(), 1.F / 3};
  rows[1].features = {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), Limits::min(), 16777217.F};
  FeatureFile file(path);
  file.append(rows);
  CHECK(read(path).starts_with("path,sample,feature_0,feature_1,feature_2,feature_3,feature_4\n\"a, b\",0,0.1,-0,"));
  std::vector<SampleRow> back = rows;
  for (SampleRow& row : back) row.features.clear();
  attach_features(read(path), path, TornEnd::refuse, back);
  for (const std::size_t row : std::initializer_list<std::size_t>{0, 1}) {
    REQUIRE(back[row].features.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      CAPTURE(i);
      CHECK(std::bit_cast<std::uint32_t>(back[row].features[i]) == std::bit_cast<std::uint32_t>(rows[row].features[i]));
    }
  }
  CHECK(back[2].features.empty());
}

TEST_CASE("vectors of another width are an error of the program") {
  TempFolder temp;
  FeatureFile file(temp.path + "/features.csv");
  std::vector<SampleRow> rows{sample_row(), sample_row(1)};
  rows[0].features = {1, 2};
  rows[1].features = {1};
  CHECK_THROWS_AS(file.append(rows), Error);
}

TEST_CASE("damaged features are refused with their place") {
  const std::string good = "path,sample,feature_0,feature_1\na,0,1,2\n";
  CHECK(refused_at(good) == "accepted");
  CHECK(refused_at("") == "accepted");
  CHECK(refused_at("path,sample\n") == "features.csv:1");
  CHECK(refused_at("path,sample,feature_1\na,0,1\n") == "features.csv:1");
  CHECK(refused_at(good + "a,1,1\n") == "features.csv:3");
  CHECK(refused_at(good + "a,1,1,fast\n") == "features.csv:3");
  CHECK(refused_at(good + "a,1,1,\n") == "features.csv:3");
  CHECK(refused_at(good + "a,one,1,2\n") == "features.csv:3");
  CHECK(refused_at(good + "b,0,1,2\na,0,1,2\n") == "features.csv:4");
}

TEST_CASE("a finished run gives its rows with their features, and tells when they were changed") {
  TempFolder temp;
  RunFolder folder(temp.path, identity());
  folder.start();
  measure(folder, {});
  CHECK(fs::exists(folder.path() + "/features.csv.partial"));
  folder.finish({});
  CHECK(!fs::exists(folder.path() + "/features.csv.partial"));
  CHECK(folder.samples().size() == 12);
  check_features(folder.samples());
  check_features(RunFolder(temp.path, identity()).samples());

  const std::string path = folder.path() + "/features.csv", text = read(path);
  write(path, text + "x\n");
  CHECK_THROWS_AS(RunFolder(temp.path, identity()).samples(), Error);
  fs::remove(path);
  CHECK_THROWS_AS(RunFolder(temp.path, identity()).samples(), Error);
}

TEST_CASE("a run without features leaves no such file") {
  TempFolder temp;
  RunFolder folder(temp.path, identity());
  folder.start();
  folder.write_block(std::vector<SampleRow>{sample_row(0, 0, kPaths[0]), sample_row(0, 0, kPaths[1])}, {});
  folder.finish({});
  CHECK(!fs::exists(folder.path() + "/features.csv"));
  CHECK(folder.samples().size() == 2);
}

TEST_CASE("killed at any byte of rows and features, a resumed run ends with the same of both") {
  TempFolder temp;
  std::string path;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {});
    path = folder.path();
  }
  const std::string rows = read(path + "/samples.csv.partial"), features = read(path + "/features.csv.partial");
  const auto expected = keys(read_rows<SampleRow>(rows, "rows", TornEnd::refuse));
  CHECK(expected.size() == 12);
  std::size_t most = 0;
  for (std::size_t row_bytes = 0; row_bytes <= rows.size(); row_bytes += 311)
    for (std::size_t feature_bytes = 0; feature_bytes <= features.size(); feature_bytes += 71) {
      CAPTURE(row_bytes);
      CAPTURE(feature_bytes);
      write(path + "/samples.csv.partial", rows.substr(0, row_bytes));
      write(path + "/features.csv.partial", features.substr(0, feature_bytes));
      RunFolder folder(temp.path, identity());
      const auto kept = folder.resume(kPaths, kSamples, 1);
      check_features(kept);
      most = std::max(most, kept.size());
      measure(folder, kept);
      folder.finish({});
      const auto finished = folder.samples();
      CHECK(finished.size() == 12);
      CHECK(keys(finished) == expected);
      check_features(finished);
      fs::remove(path + "/samples.csv");
      fs::remove(path + "/features.csv");
      fs::remove(path + "/state.json");
    }
  CHECK(most >= 6);
}

TEST_CASE("a resumed run ends with the same Fréchet distances") {
  constexpr std::int64_t samples = 60;
  const auto wide_block = [](std::int64_t sample) {
    std::vector<SampleRow> rows = block(sample, 0);
    rows[1].features[0] += 1;
    return rows;
  };
  TempFolder temp;
  std::vector<SampleRow> whole, resumed;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    for (std::int64_t s = 0; s < samples; ++s) {
      const auto rows = wide_block(s == kSamples - 1 ? samples : s);
      whole.insert(whole.end(), rows.begin(), rows.end());
      if (s < 40) folder.write_block(rows, {});
    }
  }
  RunFolder folder(temp.path, identity());
  resumed = folder.resume(kPaths, samples + 1, 1);
  CHECK(resumed.size() == 80);
  resumed.insert(resumed.end(), whole.begin() + 80, whole.end());
  SummaryFacts facts;
  facts.paths = {{kPaths[0], "", "", false}, {kPaths[1], "", "", false}};
  for (std::int64_t s = 0; s < samples; ++s)
    for (const float value : features_of(s, kPaths[0])) facts.reference_features.push_back(value);
  const auto once = summarise(whole, {}, facts), again = summarise(resumed, {}, facts);
  CHECK(once[1].frechet.value > 0);
  CHECK(once[1].frechet.value == again[1].frechet.value);
  CHECK(once[1].frechet_delta.low == again[1].frechet_delta.low);
}

TEST_CASE("killed between features and their rows, the block is measured again") {
  TempFolder temp;
  RunFolder folder(temp.path, identity());
  folder.start();
  folder.write_block(block(0, 0), {});
  const std::string path = folder.path(), before = read(path + "/samples.csv.partial");
  folder.write_block(block(1, 0), {});
  RunFolder resumed = [&] {
    { RunFolder gone = std::move(folder); }
    write(path + "/samples.csv.partial", before);
    return RunFolder(temp.path, identity());
  }();
  CHECK(resumed.resume(kPaths, kSamples, 1).size() == 2);
  const std::string left = read(path + "/features.csv.partial");
  CHECK(std::count(left.begin(), left.end(), '\n') == 3);
  resumed.write_block(block(1, 0), {});
  resumed.finish({});
  CHECK(resumed.samples().size() == 4);
  check_features(resumed.samples());
}

TEST_CASE("rows whose features were lost are measured again, later repetitions are kept") {
  TempFolder temp;
  std::string path;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {});
    path = folder.path();
  }
  write(path + "/features.csv.partial", "");
  RunFolder folder(temp.path, identity());
  const auto kept = folder.resume(kPaths, kSamples, 1);
  CHECK(kept.size() == 6);
  for (const SampleRow& row : kept) CHECK(row.repetition == 1);
}

TEST_CASE("killed between the renames at the end, nothing is lost") {
  for (const bool both : {false, true}) {
    TempFolder temp;
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {});
    const std::string path = folder.path();
    RunFolder resumed = [&] {
      { RunFolder gone = std::move(folder); }
      fs::rename(path + "/features.csv.partial", path + "/features.csv");
      if (both) fs::rename(path + "/samples.csv.partial", path + "/samples.csv");
      return RunFolder(temp.path, identity());
    }();
    const auto kept = resumed.resume(kPaths, kSamples, 1);
    CHECK(kept.size() == 12);
    check_features(kept);
    resumed.finish({});
    check_features(RunFolder(temp.path, identity()).samples());
  }
}

TEST_CASE("a run that starts over forgets features") {
  TempFolder temp;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {});
  }
  RunFolder folder(temp.path, identity());
  folder.start();
  CHECK(!fs::exists(folder.path() + "/features.csv.partial"));
  measure(folder, {});
  folder.finish({});
  check_features(folder.samples());
}

TEST_CASE("damaged features stop a resume") {
  TempFolder temp;
  std::string path;
  {
    RunFolder folder(temp.path, identity());
    folder.start();
    measure(folder, {});
    path = folder.path() + "/features.csv.partial";
  }
  std::string text = read(path);
  text.insert(text.find('\n') + 1, "torn in the middle\n");
  write(path, text);
  RunFolder folder(temp.path, identity());
  try {
    folder.resume(kPaths, kSamples, 1);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(error.where().ends_with("features.csv.partial:2"));
  }
}

TEST_CASE("the reference's features are kept beside those of a finished run") {
  TempFolder temp;
  const std::vector<float> reference{1, std::sqrt(2.F), -1e-30F, 0, 5, 1.F / 3};
  RunFolder folder(temp.path, identity());
  folder.start();
  measure(folder, {});
  folder.finish({}, reference);
  const std::string path = folder.path() + "/reference_features.csv", text = read_file(path);
  CHECK(read_reference_features(text, path, 3) == reference);
  CHECK_THROWS_AS(read_reference_features(text, path, 2), Error);
  CHECK_THROWS_AS(read_reference_features("", path, 3), Error);
  const auto damaged = [&](std::string found, const std::string& with) {
    return text.substr(0, text.find(found)) + with + text.substr(text.find(found) + found.size());
  };
  try {
    read_reference_features(damaged("-1e-30", "x"), path, 3);
    FAIL("a word passed for a number");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(error.where() == path + ":2");
  }
  CHECK_THROWS_AS(read_reference_features(damaged("-1e-30,", ""), path, 3), Error);
  CHECK_THROWS_AS(read_reference_features(damaged("-1e-30", "1,1"), path, 3), Error);
}

TEST_CASE("a run without features keeps no reference") {
  TempFolder temp;
  RunFolder folder(temp.path, identity());
  folder.start();
  folder.write_block(std::vector{sample_row(0, 0, kPaths[0])}, {});
  folder.finish({}, std::vector<float>{1, 2});
  CHECK(!fs::exists(folder.path() + "/reference_features.csv"));
}
