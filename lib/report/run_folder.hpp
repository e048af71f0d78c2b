// The folder of one run: results/<config name>/<run id>/.
//
//   state.json            planned, running, done or failed; which run it is
//   config.yaml           fully resolved
//   environment.json
//   samples.csv.partial   rows as they are measured; becomes samples.csv by a rename when the run is done
//   features.csv.partial  likewise, where the task has features of outputs (see feature_file.hpp)
//   traces.jsonl.partial  likewise
//   samples.csv  summary.csv  features.csv  reference_features.csv  traces.jsonl
//
// `running` with nobody holding the lock on samples.csv.partial is a run that was killed: it can be resumed
// like a failed one. A run that starts over keeps the rows of an unfinished one as samples.csv.partial.old.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "measure/bench_loop.hpp"
#include "measure/rows.hpp"
#include "report/feature_file.hpp"

namespace dynexec {

// What makes two runs the same run: only then may one continue the other's rows.
struct RunIdentity {
  std::string config_name;
  std::string resolved_yaml;
  std::vector<Provenance> provenance;  // roles and hashes of models and data

  // SHA-256 of all of it and of the columns of both CSV files.
  std::string hash() const;
  // The first 12 digits of hash().
  std::string run_id() const;
};

enum class RunState { absent, planned, running, done, failed };
const char* run_state_name(RunState state);

class RunFolder : public RowSink {
 public:
  // root: the folder that holds <config name>/<run id>/. Nothing is written yet. Throws Error(data) when the
  // folder belongs to another run or its state.json is damaged.
  RunFolder(const std::string& root, RunIdentity identity);

  const std::string& path() const { return folder_; }
  RunState state() const { return state_; }

  // Proves that the folder can be written to, writes config.yaml and starts an empty samples.csv.partial.
  // Throws Error(io) when that fails or another process is measuring into the folder.
  void start();

  // As start, but continues an unfinished run: returns its rows of complete blocks (see keep_complete_blocks) with
  // their features and drops all else from the files. A row whose features were lost is not complete. Throws
  // Error(data) for rows of another config or version and for damaged lines.
  std::vector<SampleRow> resume(std::span<const std::string> paths, std::int64_t task_size, std::int64_t batch_size);

  // Rows of a finished run, with features. Throws Error(data) when a file was changed since.
  std::vector<SampleRow> samples() const;
  std::vector<SummaryRow> summary() const;

  void write_environment(const std::string& json);
  std::string environment() const;  // what was written last, also by an earlier process; "" when nothing was

  // Appends a block's rows and decisions. A kill loses at most the block that is being written.
  void write_block(std::span<const SampleRow> rows, std::span<const TraceRecord> traces) override;

  // Writes summary.csv and, where rows have features, reference_features.csv (see Task::reference_features); gives
  // samples.csv, features.csv and traces.jsonl their names.
  void finish(std::span<const SummaryRow> summary, std::span<const float> reference_features = {});

  // Records why the run broke off; the rows stay resumable. Never throws.
  void fail(const std::string& message) noexcept;

 private:
  std::string file(const char* name) const { return folder_ + "/" + name; }
  void read_state();
  void write_state(RunState state, const std::string& message);
  void prepare();
  void open_partial(const std::vector<SampleRow>& kept);
  void keep_traces(const std::vector<SampleRow>& kept);
  void find_features(std::vector<SampleRow>& rows) const;

  RunIdentity identity_;
  std::string identity_hash_, folder_;
  RunState state_ = RunState::absent;
  std::string samples_hash_, features_hash_;  // of a finished run's files; no features: empty
  std::optional<AppendFile> samples_, traces_;
  FeatureFile features_;
  std::chrono::steady_clock::time_point last_sync_;
};

}  // namespace dynexec
