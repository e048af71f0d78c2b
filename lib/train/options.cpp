#include "train/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/sha256.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;

LlamaShape read_shape(const Node& node) {
  LlamaShape shape;
  shape.width = node.get_int("width", shape.width, 8, 16384);
  shape.layers = node.get_int("layers", shape.layers, 1, 256);
  shape.heads = node.get_int("heads", shape.heads, 1, 256);
  shape.kv_heads = node.get_int("kv_heads", shape.kv_heads, 1, 256);
  shape.ffn = node.get_int("ffn", shape.ffn, 1, 65536);
  shape.max_positions = node.get_int("max_positions", shape.max_positions, 16, 131072);
  shape.rope_theta = node.get_double("rope_theta", shape.rope_theta, 1, 1e9);
  shape.norm_eps = node.get_double("norm_eps", shape.norm_eps, 0, 1);
  return shape;
}

TextOptions read_text(const Node& node) {
  TextOptions text;
  auto& problems = text.problems;
  problems.split = Split::train;
  problems.families = node.get_strings("families", problems.families);
  problems.difficulties.clear();
  for (const std::int64_t level : node.get_ints("difficulties", {1, 2, 3, 4, 5, 6})) {
    if (level < reasoning::kMinDifficulty || level > reasoning::kMaxDifficulty) {
      node.fail(fmt::format("difficulty {} is outside 1..6", level), "list difficulties between 1 and 6");
    }
    problems.difficulties.push_back(static_cast<int>(level));
  }
  problems.seed = static_cast<std::uint64_t>(node.get_int("seed", 1, 0, kMany));
  text.vocab_size = node.get_int("vocab_size", text.vocab_size, 259, 1 << 20);
  text.vocab_samples = node.get_int("vocab_samples", text.vocab_samples, 1, kMany);
  text.tokenizer_from = node.get_string("tokenizer_from", "");
  text.pool = node.get_int("pool", text.pool, 1, 1 << 20);
  text.batch_tokens = node.get_int("batch_tokens", text.batch_tokens, 16, 1 << 24);
  text.batches_per_step = node.get_int("batches_per_step", text.batches_per_step, 1, 1 << 16);
  text.prompt_weight = node.get_double("prompt_weight", text.prompt_weight, 0, 1);
  text.curriculum = node.get_double("curriculum", text.curriculum, 0, 1);
  return text;
}

}  // namespace

OptimiserOptions read_optimiser(const Node& node, OptimiserOptions options) {
  options.kind = node.get_choice("kind", options.kind, {"adamw", "muon"});
  options.steps = node.get_int("steps", options.steps, 1, kMany);
  options.learning_rate = node.get_double("learning_rate", options.learning_rate, 0, 10);
  options.final_share = node.get_double("final_share", options.final_share, 0, 1);
  options.warmup = node.get_int("warmup", options.warmup, 0, kMany);
  options.weight_decay = node.get_double("weight_decay", options.weight_decay, 0, 10);
  options.beta1 = node.get_double("beta1", options.beta1, 0, 0.9999999);
  options.beta2 = node.get_double("beta2", options.beta2, 0, 0.9999999);
  options.epsilon = node.get_double("epsilon", options.epsilon, 0, 1);
  options.momentum = node.get_double("momentum", options.momentum, 0, 0.9999999);
  options.clip = node.get_double("clip", options.clip, 0, 1e9);
  return options;
}

TrainOptions read_train_options(const Node& root, const std::string& config_path) {
  TrainOptions options;
  options.config_path = config_path;
  options.output = root.get_string("output");
  options.work = root.get_string("work", "wip/" + std::filesystem::path(options.output).filename().string());
  options.title = root.get_string("title", std::filesystem::path(options.output).filename().string());
  options.license = root.get_string("license", options.license);
  options.seed = static_cast<std::uint64_t>(root.get_int("seed", 1, 0, kMany));
  options.threads = static_cast<int>(root.get_int("threads", options.threads, 0, 1024));
  options.precision = root.get_choice("precision", options.precision, {"auto", "fp32", "bf16"});
  options.shape = read_shape(root.section("model"));
  options.start_from = root.get_string("start_from", "");
  options.text = read_text(root.section("text"));
  options.optimiser = read_optimiser(root.section("optimiser"), {});
  const Node exit = root.section("early_exit");
  options.exit_layer = exit.get_int("layer", 0, 0, options.shape.layers - 1);
  options.exit_weight = exit.get_double("weight", options.exit_weight, 0, 10);
  const Node distil = root.section("distil");
  options.distil.teacher = distil.get_string("teacher", "");
  options.distil.start = distil.get_double("start", options.distil.start, 0, 1);
  options.distil.weight = distil.get_double("weight", options.distil.weight, 0, 1);
  options.distil.temperature = distil.get_double("temperature", options.distil.temperature, 0.01, 100);
  options.checkpoint_every = root.get_int("checkpoint_every", options.checkpoint_every, 0, kMany);
  options.eval_every = root.get_int("eval_every", options.eval_every, 0, kMany);
  options.eval_samples = root.get_int("eval_samples", options.eval_samples, 1, kMany);
  options.export_every = root.get_int("export_every", options.export_every, 0, kMany);
  options.check();
  return options;
}

void TrainOptions::check() const {
  const auto fail = [&](const std::string& what, const std::string& where, const std::string& hint) {
    throw Error(ErrorKind::config, what, config_path.empty() ? where : config_path + ": " + where, hint);
  };
  LlamaShape with_vocab = shape;
  with_vocab.vocab = std::max<std::int64_t>(shape.vocab, 1);
  with_vocab.check();
  if (output.empty()) fail("no output folder is named", "output", "set output to the model folder to write");
  if (work.empty()) fail("no work folder is named", "work", "set work to a folder for checkpoint and loss.csv");
  if (text.problems.families.empty()) fail("no family is listed", "text.families", "list at least one");
  if (text.problems.difficulties.empty()) fail("no difficulty is listed", "text.difficulties", "list at least one");
  for (const auto& family : text.problems.families) {
    RandomStream probe(0, 0, 0, 0);
    reasoning::make_problem(family, probe, reasoning::kMinDifficulty);
  }
  if (optimiser.warmup > optimiser.steps) {
    fail("warm-up is longer than the run", "optimiser.warmup", "make warmup at most steps");
  }
  if (exit_layer < 0 || exit_layer >= shape.layers) {
    fail("the early exit must lie before the last layer", "early_exit.layer", "choose 1 to layers - 1, or 0 for none");
  }
}

double learning_rate_at(const OptimiserOptions& options, std::int64_t step) {
  if (step < options.warmup) {
    return options.learning_rate * static_cast<double>(step + 1) / static_cast<double>(options.warmup);
  }
  const double span = static_cast<double>(std::max<std::int64_t>(1, options.steps - options.warmup));
  const double progress = std::min(1.0, static_cast<double>(step - options.warmup) / span);
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return options.learning_rate * (options.final_share + (1 - options.final_share) * cosine);
}

std::string fingerprint_of(const TrainOptions& options, const std::string& tokenizer_json) {
  const auto& shape = options.shape;
  const auto& text = options.text;
  const auto& optimiser = options.optimiser;
  const auto& distil = options.distil;
  std::string all = fmt::format("{} {} {} {} {} {} {} {} {} {} {} {}", options.seed, options.precision,
                                options.exit_layer, options.exit_weight, shape.width, shape.layers, shape.heads,
                                shape.kv_heads, shape.ffn, shape.max_positions, shape.rope_theta, shape.norm_eps);
  for (const auto& family : text.problems.families) all += " " + family;
  for (const int difficulty : text.problems.difficulties) all += fmt::format(" {}", difficulty);
  all += fmt::format(" {} {} {} {} {} {}", text.problems.seed, text.pool, text.batch_tokens, text.batches_per_step,
                     text.prompt_weight, text.curriculum);
  all += fmt::format(" {} {} {} {} {} {} {} {} {} {} {}", optimiser.kind, optimiser.momentum, optimiser.steps,
                     optimiser.learning_rate, optimiser.final_share, optimiser.warmup, optimiser.weight_decay,
                     optimiser.beta1, optimiser.beta2, optimiser.epsilon, optimiser.clip);
  all += fmt::format(" {} {} {} {} {}", options.start_from, distil.teacher, distil.start, distil.weight,
                     distil.temperature);
  return sha256_hex(all + tokenizer_json);
}

}  // namespace dynexec
