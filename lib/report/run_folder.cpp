#include "report/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/io_error.hpp"
#include "base/sha256.hpp"
#include "report/field_table.hpp"
#include "report/row_reader.hpp"
#include "report/table.hpp"

namespace dynexec {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kSamples = "samples.csv";
constexpr const char* kPartial = "samples.csv.partial";
constexpr const char* kFeatures = "features.csv";
constexpr const char* kReferenceFeatures = "reference_features.csv";
constexpr const char* kFeaturesPartial = "features.csv.partial";
constexpr const char* kTraces = "traces.jsonl";
constexpr const char* kTracesPartial = "traces.jsonl.partial";
constexpr const char* kSummary = "summary.csv";
constexpr const char* kState = "state.json";

// Rows are synced to the medium this often: a kill never loses them, a power cut loses at most this much.
constexpr std::chrono::seconds kSyncEvery{5};

// A config's name as a folder's name.
std::string folder_name(const std::string& name) {
  std::string safe;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || (c == '.' && !safe.empty());
    safe += plain ? c : '_';
  }
  return safe.empty() ? "run" : safe;
}

void rename_file(const std::string& from, const std::string& to) {
  std::error_code failed;
  std::filesystem::rename(from, to, failed);
  if (failed) throw_io_error("cannot rename the file to " + to, from, failed.value());
}

std::string trace_line(const TraceRecord& trace, std::size_t step) {
  ordered_json head = {{"path", trace.path},
                       {"sample", trace.sample},
                       {"sample_id", trace.sample_id},
                       {"repetition", trace.repetition},
                       {"step", step}};
  std::string line = head.dump(-1, ' ', false, json::error_handler_t::replace);
  line.pop_back();
  line += ",\"decision\":" + trace.lines[step] + "}";
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string csv_text(std::span<const SampleRow> rows) {
  std::string text = csv_header<SampleRow>() + '\n';
  for (const auto& row : rows) text += csv_line(row) + '\n';
  return text;
}

}  // namespace

RunFolder::RunFolder(const std::string& root, RunIdentity identity)
    : identity_(std::move(identity)),
      identity_hash_(identity_.hash()),
      folder_((std::filesystem::path(root) / folder_name(identity_.config_name) / identity_.run_id()).string()),
      features_(file(kFeaturesPartial)) {
  read_state();
}

void RunFolder::read_state() {
  const std::string path = file(kState);
  if (!std::filesystem::exists(path)) return;
  const auto damaged = [&]() -> Error {
    return Error(ErrorKind::data, "the state of the run is damaged", path, "remove the folder and measure again");
  };
  const json state = json::parse(read_file(path), nullptr, false);
  if (!state.is_object()) throw damaged();
  const auto text = [&](const char* key) {
    const auto entry = state.find(key);
    return entry != state.end() && entry->is_string() ? entry->get<std::string>() : std::string();
  };
  if (text("identity") != identity_hash_)
    throw Error(ErrorKind::data, "the folder belongs to a run of another config, model or version", path,
                "choose another output folder");
  samples_hash_ = text("samples_sha256");
  features_hash_ = text("features_sha256");
  for (const auto known : {RunState::planned, RunState::running, RunState::done, RunState::failed})
    if (text("state") == run_state_name(known)) state_ = known;
  if (state_ == RunState::absent) throw damaged();
  // Rows are being measured again into the folder of a finished run, or its file was taken away.
  if (state_ == RunState::done && !std::filesystem::exists(file(kSamples))) state_ = RunState::failed;
}

void RunFolder::write_state(RunState state, const std::string& message) {
  ordered_json text = {{"schema_version", kSchemaVersion},
                       {"state", run_state_name(state)},
                       {"run_id", identity_.run_id()},
                       {"identity", identity_hash_},
                       {"message", message}};
  if (state == RunState::done) text["samples_sha256"] = samples_hash_;
  if (state == RunState::done && !features_hash_.empty()) text["features_sha256"] = features_hash_;
  write_file_atomically(file(kState), text.dump(2, ' ', false, json::error_handler_t::replace) + '\n');
  state_ = state;
}

void RunFolder::prepare() {
  require_writable_folder(folder_);
  samples_.emplace(file(kPartial));  // refused while another process measures into this folder
  if (state_ == RunState::absent) write_state(RunState::planned, "");
  write_file_atomically(file("config.yaml"), identity_.resolved_yaml);
}

// Replaces the partial file unless it already holds exactly these rows.
void RunFolder::open_partial(const std::vector<SampleRow>& kept) {
  const std::string text = csv_text(kept);
  if (read_file(file(kPartial)) != text) {
    write_file_atomically(file(kPartial), text);
    samples_.emplace(file(kPartial));
  }
  last_sync_ = std::chrono::steady_clock::now();
}

void RunFolder::start() {
  prepare();
  if (samples_->size() > csv_header<SampleRow>().size() + 1) {
    rename_file(file(kPartial), file(kPartial) + ".old");
    samples_.emplace(file(kPartial));
  }
  features_.replace({});
  std::filesystem::remove(file(kTracesPartial));
  write_state(RunState::planned, "");
  open_partial({});
}

std::vector<SampleRow> RunFolder::resume(std::span<const std::string> paths, std::int64_t task_size,
                                         std::int64_t batch_size) {
  prepare();
  // Killed between the last rename and the note that the run is done: those rows are the run's.
  const bool renamed = samples_->size() == 0 && state_ != RunState::planned && std::filesystem::exists(file(kSamples));
  const std::string source = file(renamed ? kSamples : kPartial);
  const std::string text = read_file(source);
  std::vector<SampleRow> kept;
  if (!text.empty()) {
    auto rows = read_rows<SampleRow>(text, source, TornEnd::drop);
    for (const auto& row : rows)
      if (row.config != identity_.config_name)
        throw Error(ErrorKind::data, fmt::format("the rows belong to the config \"{}\"", row.config), source,
                    "remove the file and measure again");
    find_features(rows);
    kept = keep_complete_blocks(rows, paths, task_size, batch_size);
  }
  open_partial(kept);
  features_.replace(kept);
  keep_traces(kept);
  return kept;
}

// Takes out rows whose features were lost. That the task has any is known by the file, which is written first.
void RunFolder::find_features(std::vector<SampleRow>& rows) const {
  // Under its final name after a kill between the renames of finish().
  const bool partial = std::filesystem::exists(file(kFeaturesPartial));
  const std::string source = file(partial ? kFeaturesPartial : kFeatures);
  if (!std::filesystem::exists(source)) return;
  attach_features(read_file(source), source, TornEnd::drop, rows);
  std::erase_if(rows,
                [](const SampleRow& row) { return row.repetition == 0 && row.error.empty() && row.features.empty(); });
}

void RunFolder::keep_traces(const std::vector<SampleRow>& kept) {
  if (!std::filesystem::exists(file(kTracesPartial))) return;
  DoneSet done;
  for (const auto& row : kept) done.add(row);
  const std::string text = read_file(file(kTracesPartial));
  std::string remaining;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = text.find('\n', from);
    if (end == std::string::npos) break;  // cut off
    const std::string line = text.substr(from, end + 1 - from);
    from = end + 1;
    const json entry = json::parse(line, nullptr, false);
    if (!entry.is_object()) continue;
    if (done.contains(entry.value("sample", std::int64_t{-1}), entry.value("repetition", std::int64_t{-1}),
                      entry.value("path", std::string())))
      remaining += line;
  }
  if (remaining != text) write_file_atomically(file(kTracesPartial), remaining);
}

std::vector<SampleRow> RunFolder::samples() const {
  const auto unchanged = [this](const char* name, const std::string& hash) {
    std::string text = read_file(file(name));
    if (sha256_hex(text) != hash)
      throw Error(ErrorKind::data, "the file was changed after the run had finished", file(name),
                  "measure again without --resume");
    return text;
  };
  auto rows = read_rows<SampleRow>(unchanged(kSamples, samples_hash_), file(kSamples), TornEnd::refuse);
  if (!features_hash_.empty())
    attach_features(unchanged(kFeatures, features_hash_), file(kFeatures), TornEnd::refuse, rows);
  return rows;
}

std::vector<SummaryRow> RunFolder::summary() const {
  return read_row_file<SummaryRow>(file(kSummary));
}

void RunFolder::write_environment(const std::string& json_text) {
  write_file_atomically(file("environment.json"), json_text);
}

std::string RunFolder::environment() const {
  const std::string path = file("environment.json");
  return std::filesystem::exists(path) ? read_file(path) : "";
}

void RunFolder::write_block(std::span<const SampleRow> rows, std::span<const TraceRecord> traces) {
  if (state_ != RunState::running) write_state(RunState::running, "");
  // Decisions and features first: those without rows are dropped on resume, rows without them could not be mended.
  for (const auto& trace : traces) {
    if (!traces_) traces_.emplace(file(kTracesPartial));
    for (std::size_t step = 0; step < trace.lines.size(); ++step) traces_->append(trace_line(trace, step));
  }
  features_.append(rows);
  for (const auto& row : rows) samples_->append(csv_line(row));
  if (const auto now = std::chrono::steady_clock::now(); now - last_sync_ > kSyncEvery) {
    if (traces_) traces_->sync();
    features_.sync();
    samples_->sync();
    last_sync_ = now;
  }
}

void RunFolder::finish(std::span<const SummaryRow> summary, std::span<const float> reference_features) {
  if (traces_) traces_->sync();
  features_.sync();
  samples_->sync();
  write_file_atomically(file(kSummary), render_summary(summary, Format::csv));
  if (!reference_features.empty() && features_.width() > 0)
    write_reference_features(file(kReferenceFeatures), reference_features, features_.width());
  samples_hash_ = sha256_file(file(kPartial));
  features_hash_.clear();
  if (std::filesystem::exists(file(kFeaturesPartial))) {
    features_hash_ = sha256_file(file(kFeaturesPartial));
    rename_file(file(kFeaturesPartial), file(kFeatures));
  }
  if (std::filesystem::exists(file(kTracesPartial))) rename_file(file(kTracesPartial), file(kTraces));
  rename_file(file(kPartial), file(kSamples));
  write_state(RunState::done, "");
  features_.close();
  traces_.reset();
  samples_.reset();
}

void RunFolder::fail(const std::string& message) noexcept {
  try {
    write_state(RunState::failed, message);
  } catch (...) {
    // The disk is full or gone: the rows that were written are still there, and `running` is resumable too.
  }
}

}  // namespace dynexec
