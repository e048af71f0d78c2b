// An experiment on simulated time: paths take the milliseconds that a test says, and nothing is really
// measured.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "measure/bench_loop.hpp"

namespace dynexec::mock {

class SimulatedClock : public Clock {
 public:
  ClockReading begin() override { return now; }
  ClockReading end() override { return now; }
  // Lets `ms` pass with one busy thread.
  void pass(double ms) {
    now.wall_ns += static_cast<std::int64_t>(ms * 1e6);
    now.cpu_ns += static_cast<std::int64_t>(ms * 1e6);
  }
  ClockReading now;
};

struct CountingTask : Task {
  std::size_t count = 0;
  std::size_t size() const override { return count; }
  Sample sample(std::size_t index) const override {
    return {index, "s" + std::to_string(index), index % 2 ? "odd" : "even", {}};
  }
  std::vector<Score> score(const Sample&, const Outcome& outcome) const override {
    return {{"exact_match", std::any_cast<const TextOutput&>(outcome.output).text == "right" ? 1.0 : 0.0}};
  }
  std::string quality_metric() const override { return "exact_match"; }
};

// One Path::run call as a test sees it.
struct Call {
  std::string path;
  std::size_t sample;
  std::uint32_t repetition;
  std::size_t batch;
};

struct ScriptedPath : Path {
  PathInfo about;
  // Called for every sample with its streams; returns its outcome, lets time pass or throws.
  std::function<Outcome(const Sample&, const Streams&)> script;
  std::vector<Call>* calls = nullptr;
  int prepared = 0;
  bool remembers = false;  // may rehearse its script

  const PathInfo& info() const override { return about; }
  bool rehearses() const override { return remembers; }
  Outcome rehearse(const Sample& sample, const Streams& streams) override { return script(sample, streams); }
  void prepare() override { ++prepared; }
  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams> streams,
                           const RunRequest& request) override {
    if (calls) calls->push_back({about.name, samples[0].index, streams[0].repetition, samples.size()});
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < samples.size(); ++i) outcomes.push_back(script(samples[i], streams[i]));
    if (request.trace) outcomes[0].trace = {"{\"step\":1}"};
    return outcomes;
  }
  std::optional<Mismatch> compare(const Outcome& baseline, const Outcome& mine) const override {
    const auto& theirs = std::any_cast<const TextOutput&>(baseline.output).tokens;
    const auto& ours = std::any_cast<const TextOutput&>(mine.output).tokens;
    for (std::size_t i = 0; i < std::max(theirs.size(), ours.size()); ++i)
      if (i >= theirs.size() || i >= ours.size() || theirs[i] != ours[i])
        return Mismatch{static_cast<std::int64_t>(i), 0.25};
    return std::nullopt;
  }
};

inline Outcome text_outcome(std::vector<std::int32_t> tokens, const std::string& text = "right") {
  Outcome outcome;
  outcome.cost.tokens = static_cast<std::int64_t>(tokens.size());
  outcome.output = TextOutput{text, std::move(tokens), {}};
  return outcome;
}

// Keeps everything, and fails when a block is not whole or a row comes twice.
struct MemorySink : RowSink {
  std::vector<SampleRow> rows;
  std::vector<TraceRecord> traces;
  std::vector<std::size_t> block_sizes;
  void write_block(std::span<const SampleRow> block, std::span<const TraceRecord> decisions) override {
    DoneSet seen;
    for (const SampleRow& row : rows) seen.add(row);
    for (const SampleRow& row : block)
      if (seen.contains(row.sample, row.repetition, row.path)) throw std::logic_error("duplicate row");
    rows.insert(rows.end(), block.begin(), block.end());
    traces.insert(traces.end(), decisions.begin(), decisions.end());
    block_sizes.push_back(block.size());
  }
};

struct Bench {
  explicit Bench(std::size_t samples, const std::vector<std::string>& names) {
    auto task = std::make_shared<CountingTask>();
    task->count = samples;
    experiment.task = task;
    for (const std::string& name : names) {
      auto path = std::make_unique<ScriptedPath>();
      path->about = {name, "mock", "", false};
      path->calls = &calls;
      path->script = [this](const Sample&, const Streams&) {
        clock.pass(10);
        return text_outcome({1, 2, 3});
      };
      paths[name] = path.get();
      experiment.paths.push_back(std::move(path));
    }
    options.warmup_min = options.warmup_max = 0;
    request.config = "mock";
    request.clock = &clock;
  }

  ScriptedPath& path(const std::string& name) { return *paths.at(name); }
  BenchResult run(const DoneSet& done = {}) { return run_bench(experiment, options, request, sink, done); }
  const SampleRow& row(const std::string& name, std::int64_t sample, std::int64_t repetition) const {
    for (const SampleRow& row : sink.rows)
      if (row.path == name && row.sample == sample && row.repetition == repetition) return row;
    throw std::logic_error("no such row");
  }

  SimulatedClock clock;
  Experiment experiment;
  std::map<std::string, ScriptedPath*> paths;
  std::vector<Call> calls;
  BenchOptions options;
  BenchRequest request;
  MemorySink sink;
};

}  // namespace dynexec::mock
