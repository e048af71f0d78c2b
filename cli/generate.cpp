// dynexec generate: one prompt through one path, to see that a model loads and what it says.
#include <fmt/format.h>

#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "cli/commands.hpp"
#include "data/tokenizer.hpp"
#include "experiments/speculative/calibration.hpp"
#include "experiments/speculative/options.hpp"
#include "kernels/thread_pool.hpp"
#include "measure/threads.hpp"

namespace dynexec::cli {
namespace {

using namespace speculative;

// The command's options as a config, so that both are read and checked by the same code.
Options as_options(const GenerateArgs& args) {
  std::string yaml = "model: {}\ngeneration: {}\npaths:\n  - {name: autoregressive, method: autoregressive}\n";
  std::vector<std::string> overrides;
  const auto set = [&overrides](const std::string& key, const nlohmann::json& value) {
    overrides.push_back(key + "=" + value.dump());
  };
  set("model.target", args.model);
  if (!args.weights.empty()) set("model.weights", args.weights);
  if (!args.head_weights.empty()) set("model.head_weights", args.head_weights);
  if (!args.kv_cache.empty()) set("model.kv_cache", args.kv_cache);
  if (!args.device.empty()) set("model.device", args.device);
  set("generation.max_new_tokens", args.max_tokens);
  set("generation.stop_at_end", !args.ignore_end);
  set("generation.temperature", args.temperature);
  set("generation.top_k", args.top_k);
  set("generation.top_p", args.top_p);
  set("generation.min_p", args.min_p);
  set("generation.repetition_penalty", args.repetition_penalty);
  if (args.path == "speculative") {
    yaml += "  - {name: speculative, method: speculative}\n";
    set("paths.1.drafter", args.drafter.empty() ? "model" : args.drafter);
    if (!args.draft.empty()) set("model.draft", args.draft);
    if (!args.draft_weights.empty()) set("model.draft_weights", args.draft_weights);
    if (!args.policy.empty()) set("paths.1.policy", args.policy);
    if (args.length > 0) set("paths.1.length", args.length);
    if (args.exit_layer > 0) set("paths.1.exit_layer", args.exit_layer);
  } else if (!args.drafter.empty() || !args.draft.empty() || !args.policy.empty() || args.length > 0 ||
             !args.draft_weights.empty()) {
    throw Error(ErrorKind::usage, "drafting options need --path speculative", "", "add --path speculative");
  }
  const Config config = Config::parse(yaml, "generate", overrides);
  Options options = read_options(config.root());
  config.reject_unread();
  return options;
}

std::unique_ptr<Drafter> make_drafter(const PathOptions& path, const Options& options,
                                      const std::shared_ptr<DecoderSession>& target) {
  const DecoderConfig& config = target->decoder().config();
  switch (path.drafter) {
    case DrafterKind::none:
      return nullptr;
    case DrafterKind::prompt_lookup:
      return make_prompt_lookup_drafter(path.lookup);
    case DrafterKind::self:
      if (path.exit_layer >= config.layers)
        throw Error(ErrorKind::usage, fmt::format("--exit-layer must be below the model's {} layers", config.layers),
                    "", "draft with fewer layers");
      return make_self_drafter(target, path.exit_layer);
    case DrafterKind::model: {
      const auto decoder = Decoder::load(resolve_path(options.draft), path.draft_weights);
      if (decoder->config().vocab != config.vocab)
        throw Error(ErrorKind::usage, "draft and target use different vocabularies", options.draft,
                    "draft with a model of the same tokenizer");
      const auto capacity = std::min(target->capacity(), decoder->config().max_positions);
      return make_model_drafter(std::make_shared<DecoderSession>(decoder, capacity), config.vocab);
    }
  }
  return nullptr;
}

}  // namespace

int generate(const GenerateArgs& args) {
  if (!args.has_prompt && args.tokens.empty())
    throw Error(ErrorKind::usage, "there is no prompt", "", "give --prompt TEXT or --tokens 1,2,3");
  const Options options = as_options(args);
  const PathOptions& path = options.paths.back();
  set_compute_threads(args.threads > 0 ? args.threads : available_cpus());

  const std::filesystem::path folder = resolve_path(args.model);
  const auto decoder = Decoder::load(folder, path.weights);
  // Token ids need no tokenizer; text does.
  std::shared_ptr<const Tokenizer> tokenizer;
  if (args.has_prompt || std::filesystem::exists(folder / "tokenizer.json")) tokenizer = Tokenizer::load(folder);
  const std::vector<std::int32_t> prompt = args.has_prompt ? tokenizer->encode(args.prompt, true) : args.tokens;
  const std::int64_t wanted = static_cast<std::int64_t>(prompt.size()) + args.max_tokens;
  GenerationOptions generation = options.generation;
  // Room for one new token is needed at least; the rest is cut to the model's context.
  const std::int64_t capacity = std::min(wanted, decoder->config().max_positions);
  generation.max_new_tokens =
      std::max<std::int64_t>(1, std::min(args.max_tokens, capacity - static_cast<std::int64_t>(prompt.size()) + 1));
  const auto session = std::make_shared<DecoderSession>(decoder, std::max<std::int64_t>(1, capacity));

  Calibration calibration;
  if (path.policy.name == "cost_aware" && path.speculative()) {
    const std::vector<std::vector<std::int32_t>> prompts{prompt};
    calibration = calibrate(session, make_drafter(path, options, session), generation, prompts,
                            {.max_length = path.policy.max_length, .budget_ms = options.calibration_ms, .seed = 0});
  }
  std::unique_ptr<LengthPolicy> policy;
  if (path.speculative())
    policy = path.policy.name == "cost_aware"
                 ? make_cost_aware_policy(path.policy, calibration.costs, calibration.curve)
                 : make_policy(path.policy);
  DecodeLoop loop(session, make_drafter(path, options, session), std::move(policy), generation);
  const DecodeResult result = loop.run({.prompt = prompt, .streams = {.seed = args.seed}, .observer = {}});

  const std::string text = tokenizer ? tokenizer->decode(result.tokens, true) : "";
  const auto tokens = static_cast<double>(result.tokens.size());
  if (args.format == "json") {
    const Cost& cost = result.cost;
    nlohmann::json json{
        {"model", args.model},
        {"path", path.describe()},
        {"weights", decoder->formats().name()},
        {"device", compute_device_name(decoder->formats().device)},
        {"weight_bytes", cost.weight_bytes},
        {"text", text},
        {"token_ids", result.tokens},
        {"prompt_tokens", prompt.size()},
        {"ended", result.ended},
        {"target_passes", cost.target_passes},
        {"drafted_tokens", cost.drafted_tokens},
        {"accepted_tokens", cost.accepted_tokens},
        {"timings",
         {{"prefill_ms", result.prefill_ms},
          {"ttft_ms", result.first_token_ms},
          {"total_ms", result.total_ms},
          {"tpot_ms", tokens > 1 ? nlohmann::json((result.total_ms - result.first_token_ms) / (tokens - 1))
                                 : nlohmann::json(nullptr)},
          {"device_ms", std::isfinite(result.device_ms) ? nlohmann::json(result.device_ms) : nlohmann::json(nullptr)},
          {"threads", compute_pool().threads()}}}};
    print(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return 0;
  }
  print((tokenizer ? text : fmt::format("{}", fmt::join(result.tokens, ","))) + "\n");
  fmt::print(stderr,
             "{} tokens in {:.1f} ms ({:.1f} ms to the first); {} passes of the target, {} of {} drafts accepted\n",
             result.tokens.size(), result.total_ms, result.first_token_ms, result.cost.target_passes,
             result.cost.accepted_tokens, result.cost.drafted_tokens);
  if (std::isfinite(result.device_ms))
    fmt::print(stderr, "{:.3f} ms a token, of which the GPU computed {:.3f} ms\n", result.total_ms / tokens,
               result.device_ms / tokens);
  return 0;
}

}  // namespace dynexec::cli
