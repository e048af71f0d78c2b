// What the command line hands to each subcommand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "report/table.hpp"

namespace dynexec::cli {

struct BenchArgs {
  std::vector<std::string> configs;  // empty: the shipped quick benchmarks
  std::vector<std::string> overrides;
  std::string out = "results";
  bool resume = false, dry_run = false, trace = false, quiet = false;
  std::string format = "table";
  std::vector<std::string> fail_if;
  int threads = 0;  // 0: as the config says
};

struct GenerateArgs {
  std::string model;
  std::string prompt;
  std::vector<std::int32_t> tokens;
  bool has_prompt = false;
  std::vector<std::string> overrides;  // generation options and path options, as in a config
  std::int64_t max_tokens = 128;
  std::string path = "autoregressive";
  std::string weights, head_weights, kv_cache;        // formats; "": fp32
  std::string device;                                 // "": cpu
  std::string drafter, draft, policy, draft_weights;  // of --path speculative
  std::int64_t length = 0, exit_layer = 0;
  double temperature = 0, top_p = 1, min_p = 0, repetition_penalty = 1;
  std::int64_t top_k = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  bool ignore_end = false;
  std::string format = "table";
};

struct CompressArgs {
  std::string model, output;
  std::string weights;  // "": int8 for vision networks and pipelines, else int8-g32
  std::string method = "nearest";
  std::string texts;         // file of calibration texts; "": a language model writes its own, an encoder has none
  std::string calibration;   // config whose samples calibrate a vision network or a pipeline
  std::int64_t samples = 0;  // 0: 64 texts, of pipelines 8, or as the config says
  std::int64_t skip = 0, length = 256;
  std::int64_t distil_steps = 0, distil_batch = 8;
  double distil_rate = 0.002;
  std::uint64_t seed = 1;
  bool quiet = false;
  std::string format = "table";
};

struct InspectArgs {
  std::string path;
  std::string format = "table";
};

struct DoctorArgs {
  std::string format = "table";
};

struct TrainArgs {
  std::string config;
  std::vector<std::string> overrides;
  bool resume = false, dry_run = false, quiet = false;
};

struct TuneArgs {
  std::string config;
  std::vector<std::string> overrides;
  std::vector<std::string> paths;  // empty: every path with a setting to tune
  double max_quality_drop = 0.01, confidence = 0.95;
  std::string by = "time", test = "auto";
  std::string output;  // empty: results/tuned/<name>.yaml
  std::string format = "table";
  int threads = 0;
  bool quiet = false;
};

struct TraceArgs {
  std::string config;
  std::vector<std::string> overrides;
  std::int64_t samples = 6;
  std::vector<std::string> paths;  // names; none: all
  std::string picture;             // PNG file; empty: none
  int threads = 0;
  bool quiet = false;
};

struct CompareArgs {
  std::vector<std::string> runs;   // one or two folders of finished runs, or samples.csv files
  std::string reference;           // a path; empty: the baseline, or the same path of the other run
  std::vector<std::string> paths;  // what is compared with it; none: all
  std::string format = "table";
};

struct ListArgs {
  std::string format = "table";
};

// Commands return the exit code or throw dynexec::Error. These need LibTorch and live in the engine library.
int bench(const BenchArgs& args);
int compress(const CompressArgs& args);
int generate(const GenerateArgs& args);
int inspect(const InspectArgs& args);
int doctor(const DoctorArgs& args);
int train_command(const TrainArgs& args);
int tune(const TuneArgs& args);
int trace(const TraceArgs& args);
// Answer without LibTorch.
int list(const ListArgs& args);
int inspect_profile(const InspectArgs& args);  // a hardware profile
int compare(const CompareArgs& args);

// Results on stdout: the width of the terminal and whether colour is welcome (a terminal, no NO_COLOR).
TableStyle stdout_style();
// Writes all of `text` to stdout; Error(io) when it cannot (a full disk behind a redirection, a closed pipe).
void print(const std::string& text);

}  // namespace dynexec::cli
