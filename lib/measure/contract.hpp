// The contract between the bench loop and a method: Task, Path, Outcome, Experiment. The bench knows only
// these.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "measure/work.hpp"

namespace dynexec {

// One input of a task. `input` holds the family's own type (TextInput for language models).
struct Sample {
  std::size_t index = 0;  // position in the task
  std::string id;         // stable name, also across splits
  std::string group;      // category or difficulty, for breakdowns; may be empty
  std::any input;
};

struct TextInput {
  std::string prompt;
  std::string reference;  // expected answer; empty when the task has no reference
  std::string solution;   // a text that goes on from the prompt as it should; may be empty
};

// What the code that ran has counted (never estimated from outside). Rejected tokens, drafts, heads included.
struct Cost {
  double macs = 0;          // multiply-accumulates
  double weight_bytes = 0;  // bytes of weights read
  double kv_bytes = 0;      // bytes of KV cache read
  std::int64_t tokens = 0;  // new tokens kept (units of output)
  std::int64_t prompt_tokens = 0;
  std::int64_t target_passes = 0;    // forward passes of the target after prefill, which yields the first token
  std::int64_t draft_passes = 0;     // forward passes of the drafter
  std::int64_t drafted_tokens = 0;   // proposed
  std::int64_t accepted_tokens = 0;  // proposed and kept
  std::int64_t accept_trials = 0;    // proposals that reached the acceptance test
};

struct TextOutput {
  std::string text;
  std::vector<std::int32_t> tokens;  // new tokens only
  std::vector<float> top_gap;        // top-1 minus top-2 target logit at each token; empty when not tracked
};

struct ClassOutput {
  int label = -1;
};

// What a sample would have taken on the machine of a hardware profile. Never measured; < 0: no figure.
struct Modelled {
  std::string profile;  // empty: no profile
  double energy_j = -1, latency_ms = -1;
  double adc_share = -1;  // of the energy, in the converters of analogue arrays
};

// What a path returns for a sample.
struct Outcome {
  std::any output;
  Cost cost;
  double first_token_ms = -1;  // time to first token, measured from the start of run(); < 0: none
  double prefill_ms = -1;
  // Modelled times from the costs that the path measured in prepare(), filled in by analyse(); < 0: no model.
  double predicted_ms = -1;        // of the decisions that were taken
  double oracle_ms = -1;           // of the best decisions in hindsight, for the same output
  std::vector<WorkSegment> work;   // the parts that ran, in order, of paths that may stop early; else empty
  ExitFacts exit;                  // of the same paths
  SamplingFacts sampling;          // of paths that make pictures
  Modelled modelled;               // filled in by analyse()
  std::vector<std::string> trace;  // one JSON object per decision; filled only when asked for
};

struct Score {
  std::string metric;  // "exact_match", "perplexity", ...
  double value = 0;    // NaN: the metric does not apply to this sample
};

class Task {
 public:
  virtual ~Task() = default;
  virtual std::size_t size() const = 0;
  virtual Sample sample(std::size_t index) const = 0;
  // The first score is the quality of the tables. Empty: the task has no metric (speed-only prompts). Of the others
  // those that SampleRow has a column for are written: "psnr_db", "feature_distance", "attribute_accuracy".
  virtual std::vector<Score> score(const Sample& sample, const Outcome& outcome) const = 0;
  virtual std::string quality_metric() const = 0;  // name of the first score, "" when none
  virtual bool higher_is_better() const { return true; }
  // A vector of the output by which whole sets of outputs are compared (Fréchet distance), of the same width for all
  // samples. Empty: there is none.
  virtual std::vector<float> features(const Sample& sample, const Outcome& outcome) const {
    (void)sample, (void)outcome;
    return {};
  }
  // The vectors of the set that a path's are compared with, [count, width] in a row; see features().
  virtual std::vector<float> reference_features() const { return {}; }
};

// Where two outputs that should be equal part.
struct Mismatch {
  std::int64_t position = 0;
  double logit_gap = 0;  // top-1 minus top-2 of the baseline at that position; NaN when unknown
};

struct PathInfo {
  std::string name;       // unique in the experiment, the `path` column
  std::string method;     // "autoregressive", "speculative", ...
  std::string setting;    // human-readable settings, one line
  bool lossless = false;  // greedy output must equal the baseline's
  // All of it runs on the processor, so that the host's bandwidth and energy meter are those of the path.
  bool host_only = true;
};

struct RunRequest {
  bool trace = false;
};

class Path {
 public:
  virtual ~Path() = default;
  virtual const PathInfo& info() const = 0;
  // Called once before warm-up: packing, cost probes, buffers. Not timed.
  virtual void prepare() {}
  // One outcome per sample; samples.size() == streams.size(), 1 unless the config asks for batches.
  virtual std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams> streams,
                                   const RunRequest& request) = 0;
  // What run() would give for one sample, without running it: the same output and counts, from what is remembered of
  // the sample. After prepare(), and only where rehearses(). Lets `dynexec tune` test many settings on many samples.
  virtual Outcome rehearse(const Sample& sample, const Streams& streams) {
    return std::move(run(std::span(&sample, 1), std::span(&streams, 1), {}).front());
  }
  virtual bool rehearses() const { return false; }
  // First difference between the baseline's outcome and this path's; nullopt when equal.
  virtual std::optional<Mismatch> compare(const Outcome& baseline, const Outcome& mine) const = 0;
  // Bytes of the tensors that this path holds at its peak: weights, caches and buffers, those it shares with other
  // paths included. NaN: not counted.
  virtual double tensor_bytes() const { return std::numeric_limits<double>::quiet_NaN(); }
  // Untimed: the theory line and the oracle of one outcome (predicted_ms, oracle_ms), after run().
  virtual void analyse(const Sample& sample, const Streams& streams, Outcome& outcome) {
    (void)sample, (void)streams, (void)outcome;
  }
};

// One hash per model and data source that the experiment uses, for environment.json.
struct Provenance {
  std::string role, path, sha256;
  double parameters = 0;
};

struct Experiment {
  std::shared_ptr<const Task> task;
  std::vector<std::unique_ptr<Path>> paths;  // paths[0] is the baseline
  std::vector<Provenance> provenance;
  // Time in ms of a representative unit of work with n threads, for the thread calibration. May be empty.
  std::function<double(int threads)> probe_threads;
  std::function<void(int threads)> set_threads;
};

}  // namespace dynexec
