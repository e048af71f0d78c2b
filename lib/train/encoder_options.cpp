#include "train/encoder_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/sha256.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;

EncoderConfig read_shape(const Node& node) {
  EncoderConfig shape;
  shape.hidden = node.get_int("width", 128, 8, 16384);
  shape.layers = node.get_int("layers", 6, 1, 256);
  shape.heads = node.get_int("heads", 4, 1, 256);
  shape.intermediate = node.get_int("ffn", 4 * shape.hidden, 1, 65536);
  shape.max_positions = node.get_int("max_positions", 128, 8, 65536);
  shape.types = 1;
  if (shape.hidden % shape.heads != 0) node.at("heads").fail("does not divide width", "choose width / heads = 32");
  return shape;
}

EncoderDataOptions read_data(const Node& node) {
  EncoderDataOptions data;
  data.kind = node.get_choice("kind", data.kind, {"sentences", "text_classification"});
  data.pool = node.get_int("pool", data.pool, 1, 1 << 20);
  data.batch_tokens = node.get_int("batch_tokens", data.batch_tokens, 16, 1 << 24);
  data.batches_per_step = node.get_int("batches_per_step", data.batches_per_step, 1, 1 << 16);
  data.evaluation = node.get_int("evaluation", data.evaluation, 1, kMany);
  if (data.kind == "text_classification") {
    data.texts.file = node.get_string("file");
    data.texts.format = node.get_choice("format", data.texts.format, labelled_text_formats());
    data.texts.text_field = node.get_string("text_field", data.texts.text_field);
    data.texts.label_field = node.get_string("label_field", data.texts.label_field);
    data.class_names = node.get_strings("classes", {});
    return data;
  }
  data.sentences.split = Split::train;
  data.sentences.difficulties.clear();
  for (const std::int64_t level : node.get_ints("difficulties", {1, 2, 3, 4, 5})) {
    if (level < sentences::kMinDifficulty || level > sentences::kMaxDifficulty)
      node.fail(fmt::format("difficulty {} is outside 1..5", level), "list difficulties between 1 and 5");
    data.sentences.difficulties.push_back(static_cast<int>(level));
  }
  if (data.sentences.difficulties.empty()) node.fail("lists no difficulty", "list at least one between 1 and 5");
  data.sentences.seed = static_cast<std::uint64_t>(node.get_int("seed", 1, 0, kMany));
  data.curriculum = node.get_double("curriculum", data.curriculum, 0, 1);
  return data;
}

OptimiserOptions read_optimiser(const Node& node) {
  OptimiserOptions options;
  options.kind = node.get_choice("kind", options.kind, {"adamw", "muon"});
  options.steps = node.get_int("steps", 1000, 1, kMany);
  options.learning_rate = node.get_double("learning_rate", 1e-3, 1e-9, 10);
  options.final_share = node.get_double("final_share", options.final_share, 0, 1);
  options.warmup = node.get_int("warmup", std::min<std::int64_t>(100, options.steps), 0, options.steps);
  options.weight_decay = node.get_double("weight_decay", 0.01, 0, 10);
  options.beta2 = node.get_double("beta2", 0.99, 0, 0.999999);
  options.clip = node.get_double("clip", options.clip, 0, 1e9);
  return options;
}

}  // namespace

EncoderTrainOptions read_encoder_train_options(const Node& root, const std::string& config_path) {
  EncoderTrainOptions options;
  options.config_path = config_path;
  (void)root.get_choice("kind", "encoder", {"encoder"});
  options.output = root.get_string("output");
  const std::string name = options.output.substr(options.output.find_last_of('/') + 1);
  options.work = root.get_string("work", "wip/train-" + name);
  options.title = root.get_string("title", name);
  options.license = root.get_string("license", options.license);
  options.seed = static_cast<std::uint64_t>(root.get_int("seed", 1, 0, kMany));
  options.threads = static_cast<int>(root.get_int("threads", options.threads, 0, 1024));
  options.start_from = root.get_string("start_from", "");
  if (options.start_from.empty()) options.shape = read_shape(root.section("model"));
  options.training = root.get_choice("training", options.training, {"joint", "backbone", "heads"});

  const Node exits = root.section("exits");
  if (const auto layers = exits.find("layers"); layers && layers->is_sequence()) {
    options.exit_layers = "listed";
    options.exits.layers = exits.get_ints("layers", {});
  } else {
    options.exit_layers = exits.get_choice("layers", options.exit_layers, {"all"});
  }
  options.exits.mean = exits.get_choice("pooling", "cls", {"cls", "mean"}) == "mean";
  options.exits.pooler = exits.get_bool("pooler", options.exits.pooler);
  options.weights = exits.get_choice("weights", options.weights, {"equal", "depth"});

  options.data = read_data(root.section("data"));
  options.optimiser = read_optimiser(root.section("optimiser"));
  options.checkpoint_every = root.get_int("checkpoint_every", options.checkpoint_every, 0, kMany);
  options.eval_every = root.get_int("eval_every", options.eval_every, 0, kMany);
  return options;
}

std::string fingerprint_of(const EncoderTrainOptions& o, const std::string& inputs) {
  const auto& s = o.shape;
  std::string all = fmt::format("encoder 1|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", inputs, o.seed, s.hidden, s.layers,
                                s.heads, s.intermediate, s.max_positions, o.training, o.exit_layers,
                                fmt::join(o.exits.layers, ","), o.exits.mean, o.exits.pooler, o.weights);
  const auto& d = o.data;
  all += fmt::format("|{}|{}|{}|{}|{}|{}|{}", d.kind, fmt::join(d.sentences.difficulties, ","), d.sentences.seed,
                     d.curriculum, d.pool, d.batch_tokens, d.batches_per_step);
  if (d.kind != "sentences")
    all += fmt::format("|{}|{}|{}|{}|{}|{}", d.texts.file, d.texts.format, d.texts.text_field, d.texts.label_field,
                       fmt::join(d.class_names, ","), d.evaluation);
  const auto& p = o.optimiser;
  all += fmt::format("|{}|{}|{}|{}|{}|{}|{}|{}", p.kind, p.steps, p.learning_rate, p.final_share, p.warmup,
                     p.weight_decay, p.beta2, p.clip);
  return sha256_hex(all);
}

}  // namespace dynexec
