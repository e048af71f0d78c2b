// The dynexec binary: parses the command line and hands over to a subcommand.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iostream>
#include <sstream>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/engine.hpp"

namespace dynexec::cli {
namespace {

const char* const kFormats = "table, csv, json or md";

void add_format(CLI::App* command, std::string& format) {
  command->add_option("--format", format, std::string("Output format: ") + kFormats)
      ->check(CLI::IsMember({"table", "csv", "json", "md"}))
      ->capture_default_str();
}

void add_overrides(CLI::App* command, std::vector<std::string>& overrides) {
  command->add_option("--set", overrides, "Override a config key, for example paths.1.length=3; repeatable")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
}

void add_bench(CLI::App& app, std::function<int()>& action) {
  static BenchArgs args;
  CLI::App* command = app.add_subcommand("bench", "Measure a config's paths against its baseline");
  command->add_option("config", args.configs, "YAML configs (default: the shipped quick benchmarks)");
  add_overrides(command, args.overrides);
  command->add_option("--out", args.out, "Folder for run folders")->capture_default_str();
  command->add_flag("--resume", args.resume, "Go on with an interrupted run of the same config");
  command->add_flag("--dry-run", args.dry_run, "Print the resolved config with all defaults and stop");
  command->add_flag("--trace", args.trace, "Write the decisions of every run to traces.jsonl");
  command->add_flag("--quiet", args.quiet, "No progress on stderr");
  command->add_option("--threads", args.threads, "Threads (default: what a calibration finds best)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--fail-if", args.fail_if, "Exit 3 when it holds, for example 'speedup(draft) < 1.5'; repeatable")
      ->type_name("CONDITION")
      ->expected(1)
      ->take_all();
  add_format(command, args.format);
  command->callback([&action] { action = [] { return load_engine().bench(args); }; });
}

void add_generate(CLI::App& app, std::function<int()>& action) {
  static GenerateArgs args;
  CLI::App* command =
      app.add_subcommand("generate", "Generate text with a model folder: the quick check that it loads");
  command->add_option("model", args.model, "Model folder in Hugging Face layout")->required();
  CLI::Option* prompt = command->add_option("--prompt", args.prompt, "Prompt text");
  CLI::Option* tokens =
      command->add_option("--tokens", args.tokens, "Prompt as token ids, for example 1,2,3")->delimiter(',');
  prompt->excludes(tokens);
  command->add_option("--max-tokens", args.max_tokens, "New tokens at most")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  command->add_option("--path", args.path, "autoregressive or speculative")
      ->check(CLI::IsMember({"autoregressive", "speculative"}))
      ->capture_default_str();
  command->add_option("--weights", args.weights,
                      "Format of the layers' weights: fp32, bf16, fp16, int8, int4-g64, ..., with exceptions as in "
                      "int4-g32+v_proj=int8+down_proj=int8");
  command->add_option("--head-weights", args.head_weights, "Format of the head's weights (default: fp32)");
  command->add_option("--kv-cache", args.kv_cache, "Format of keys and values: fp32 or int8");
  command->add_option("--device", args.device,
                      "cpu (own kernels, default), cuda, or libtorch (cuda's code on the CPU)");
  command->add_option("--draft-weights", args.draft_weights, "Format of the draft model's layers");
  command->add_option("--drafter", args.drafter, "model, prompt_lookup or self (default: model with --draft)");
  command->add_option("--draft", args.draft, "Draft model folder");
  command->add_option("--policy", args.policy, "Draft-length policy (default: constant)");
  command->add_option("--length", args.length, "Draft length")->check(CLI::Range(1, 64));
  command->add_option("--exit-layer", args.exit_layer, "Layers of the self drafter")->check(CLI::Range(1, 1024));
  command->add_option("--temperature", args.temperature, "0: greedy")->capture_default_str();
  command->add_option("--top-k", args.top_k, "0: off")->capture_default_str();
  command->add_option("--top-p", args.top_p, "1: off")->capture_default_str();
  command->add_option("--min-p", args.min_p, "0: off")->capture_default_str();
  command->add_option("--repetition-penalty", args.repetition_penalty, "1: off")->capture_default_str();
  command->add_option("--seed", args.seed, "Seed of the random streams")->capture_default_str();
  command->add_option("--threads", args.threads, "Threads (default: all cores)")->check(CLI::Range(1, 1024));
  command->add_flag("--ignore-end", args.ignore_end, "Do not stop at end tokens");
  command->add_option("--format", args.format, "table (text) or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  command->callback([&action, prompt] {
    args.has_prompt = prompt->count() > 0;
    action = [] { return load_engine().generate(args); };
  });
}

void add_compress(CLI::App& app, std::function<int()>& action) {
  static CompressArgs args;
  CLI::App* command = app.add_subcommand("compress", "Write a smaller model folder");
  command->require_subcommand(1);
  CLI::App* quantize = command->add_subcommand(
      "quantize",
      "Store the layers of a language model or a text encoder as int8 or int4, the convolutions of a "
      "vision network as int8, or the U-Net of a pipeline as int8 or int4");
  quantize->add_option("model", args.model, "Model folder in Hugging Face layout")->required();
  quantize->add_option("-o,--output", args.output, "Folder to write")->required();
  quantize
      ->add_option("--weights", args.weights,
                   "int8, int8-g32, int4-g32, int4-g64 or int4-g128, with exceptions in any format as in "
                   "int4-g32+v_proj=int8+down_proj=int8; of vision networks int8, of pipelines int8 or int4")
      ->default_str("int8-g32, or int8");
  quantize
      ->add_option("--method", args.method,
                   "nearest; gptq: errors are taken up by later weights; gptaq: by later layers too")
      ->check(CLI::IsMember({"nearest", "gptq", "gptaq"}))
      ->capture_default_str();
  quantize->add_option(
      "--texts", args.texts,
      "Texts to calibrate on, one a line (default: the model writes some; encoders need them for gptq and gptaq); "
      "captions of a pipeline's pictures");
  quantize->add_option("--calibration", args.calibration,
                       "early_exit or diffusion config, whose calibration samples tell the input ranges of a vision "
                       "network or a pipeline");
  quantize
      ->add_option("--samples", args.samples,
                   "Calibration texts (default: 64, of pipelines 8), or images or pictures of a sampler (default: as "
                   "the config)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  quantize->add_option("--skip", args.skip, "Texts of the file to pass over: those that quality is measured on")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str();
  quantize->add_option("--length", args.length, "Tokens of a calibration text at most")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 20))
      ->capture_default_str();
  quantize
      ->add_option("--distil-steps", args.distil_steps,
                   "Steps of fitting scales and minima to what a language model said before (0: none)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 30))
      ->capture_default_str();
  quantize->add_option("--distil-batch", args.distil_batch, "Texts in a step")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  quantize->add_option("--distil-rate", args.distil_rate, "Learning rate, as a share of every scale")
      ->check(CLI::Range(1e-8, 1.0))
      ->capture_default_str();
  quantize->add_option("--seed", args.seed, "Of the texts that the model writes, and of their order")
      ->capture_default_str();
  quantize->add_flag("--quiet", args.quiet, "No progress on stderr");
  quantize->add_option("--format", args.format, "Output format: table, md or json")
      ->check(CLI::IsMember({"table", "md", "json"}))
      ->capture_default_str();
  quantize->callback([&action] { action = [] { return load_engine().compress(args); }; });
}

void add_tune(CLI::App& app, std::function<int()>& action) {
  static TuneArgs args;
  CLI::App* command = app.add_subcommand(
      "tune", "Choose every path's fastest setting with a bounded quality loss, on calibration samples");
  command->add_option("config", args.config, "YAML config")->required();
  command->add_option("--max-quality-drop", args.max_quality_drop, "Loss of mean quality that is allowed")
      ->check(CLI::Range(1e-6, 0.999))
      ->capture_default_str();
  command->add_option("--confidence", args.confidence, "Confidence that the loss stays below, for each path")
      ->check(CLI::Range(0.5, 0.999999))
      ->capture_default_str();
  command->add_option("--path", args.paths, "Tune only this path; repeatable")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  command->add_option("--by", args.by, "What is fast: time (measured) or macs (counted)")
      ->check(CLI::IsMember({"time", "macs"}))
      ->capture_default_str();
  command->add_option("--test", args.test, "auto, exact (0/1 metrics), hoeffding_bentkus or betting")
      ->check(CLI::IsMember({"auto", "exact", "hoeffding_bentkus", "betting"}))
      ->capture_default_str();
  command->add_option("-o,--output", args.output, "Tuned config (default: results/tuned/<name>.yaml)");
  command->add_option("--threads", args.threads, "Threads (default: what a calibration finds best)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--quiet", args.quiet, "No progress on stderr");
  add_overrides(command, args.overrides);
  add_format(command, args.format);
  command->callback([&action] { action = [] { return load_engine().tune(args); }; });
}

void add_trace(CLI::App& app, std::function<int()>& action) {
  static TraceArgs args;
  CLI::App* command = app.add_subcommand(
      "trace",
      "Print what every path decides on a few samples, one JSON object a line, and show pictures side by side");
  command->add_option("config", args.config, "YAML config")->required();
  command->add_option("--samples", args.samples, "Samples, from the first")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str();
  command->add_option("--paths", args.paths, "Only these paths of the config: full,predicted")->delimiter(',');
  command->add_option("--picture", args.picture, "PNG file: a row a sample, a column a path (diffusion)");
  command->add_option("--threads", args.threads, "Threads (default: what a calibration finds best)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--quiet", args.quiet, "No progress on stderr");
  add_overrides(command, args.overrides);
  command->callback([&action] { action = [] { return load_engine().trace(args); }; });
}

void add_others(CLI::App& app, std::function<int()>& action) {
  static ListArgs list_args;
  CLI::App* list_command = app.add_subcommand("list", "List experiments, configs, hardware profiles and models");
  add_format(list_command, list_args.format);
  list_command->callback([&action] { action = [] { return list(list_args); }; });

  static CompareArgs compare_args;
  CLI::App* compare_command =
      app.add_subcommand("compare", "Compare the paths of a finished run, or two runs, sample by sample");
  compare_command->add_option("runs", compare_args.runs, "Run folder, or two")->required()->expected(1, 2);
  compare_command->add_option("--reference", compare_args.reference,
                              "Path to compare with (default: the baseline; with two runs the same path of the first)");
  compare_command->add_option("--paths", compare_args.paths, "Only these paths: predicted,oracle")->delimiter(',');
  add_format(compare_command, compare_args.format);
  compare_command->callback([&action] { action = [] { return compare(compare_args); }; });

  static InspectArgs inspect_args;
  CLI::App* inspect_command = app.add_subcommand(
      "inspect", "Describe and check a model folder, a .safetensors file or a hardware profile (.yaml)");
  inspect_command->add_option("path", inspect_args.path, "Model folder or file")->required();
  add_format(inspect_command, inspect_args.format);
  inspect_command->callback([&action] {
    action = [] {
      const bool is_profile = inspect_args.path.ends_with(".yaml") || inspect_args.path.ends_with(".yml");
      return is_profile ? inspect_profile(inspect_args) : load_engine().inspect(inspect_args);
    };
  });

  static DoctorArgs doctor_args;
  CLI::App* doctor_command = app.add_subcommand("doctor", "Measure the machine and say what would disturb a benchmark");
  add_format(doctor_command, doctor_args.format);
  doctor_command->callback([&action] { action = [] { return load_engine().doctor(doctor_args); }; });

  static TrainArgs train_args;
  CLI::App* train_command = app.add_subcommand("train", "Train or distil a model from a config; resumable");
  train_command->add_option("config", train_args.config, "YAML config")->required();
  add_overrides(train_command, train_args.overrides);
  train_command->add_flag("--resume", train_args.resume, "Go on from the last checkpoint");
  train_command->add_flag("--dry-run", train_args.dry_run, "Print the resolved config and stop");
  train_command->add_flag("--quiet", train_args.quiet, "No progress on stderr");
  train_command->callback([&action] { action = [] { return load_engine().train(train_args); }; });
}

int run(int argc, char** argv) {
  CLI::App app(
      "dynexec measures how much time, compute and energy dynamic execution of neural networks saves,\n"
      "and what it costs in quality, against honest baselines on your machine.",
      "dynexec");
  app.set_version_flag("--version", DYNEXEC_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 bad usage or config, 3 a --fail-if condition held or\ntune found no setting "
      "that passes, 130 interrupted.");
  std::function<int()> action;
  add_bench(app, action);
  add_generate(app, action);
  add_compress(app, action);
  add_tune(app, action);
  add_trace(app, action);
  add_others(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    std::ostringstream text;  // written by print(), which reports a full disk or a closed pipe
    const int code = app.exit(success, text, std::cerr);
    print(text.str());
    return code;
  } catch (const CLI::ParseError& error) {
    const std::string command = app.get_subcommands().empty() ? "" : app.get_subcommands().front()->get_name() + " ";
    throw Error(ErrorKind::usage, error.what(), "", "see dynexec " + command + "--help");
  }
  return action();
}

}  // namespace
}  // namespace dynexec::cli

int main(int argc, char** argv) {
  // A closed pipe or a file-size limit is an error of write(), with a message, instead of a silent death.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return dynexec::cli::run(argc, argv);
  } catch (const dynexec::Error& error) {
    std::fputs(dynexec::format_error(error).c_str(), stderr);
    return dynexec::exit_code(error.kind());
  } catch (const std::exception& error) {
    const dynexec::Error internal(dynexec::ErrorKind::internal, error.what(), "", "");
    std::fputs(dynexec::format_error(internal).c_str(), stderr);
    return dynexec::exit_code(internal.kind());
  }
}
