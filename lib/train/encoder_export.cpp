#include "train/encoder_export.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/atomic_file.hpp"
#include "base/progress.hpp"
#include "base/sha256.hpp"
#include "train/export.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

nlohmann::json model_config(const EncoderModule& module, const EncoderSource& source) {
  const EncoderConfig& c = module.config();
  nlohmann::json config = source.start ? source.start->config() : bert_config(c);
  nlohmann::json names = nlohmann::json::object(), labels = nlohmann::json::object();
  for (std::size_t i = 0; i < c.class_names.size(); ++i) {
    names[std::to_string(i)] = c.class_names[i];
    labels[c.class_names[i]] = i;
  }
  if (!c.class_names.empty()) config.update({{"id2label", names}, {"label2id", labels}});
  config["architectures"] = nlohmann::json::array(
      {c.family == "bert" ? "BertForSequenceClassification" : "DistilBertForSequenceClassification"});
  config.erase("exits");
  const EncoderExitConfig& exits = module.exits();
  if (!exits.layers.empty())
    config["exits"] = {{"kind", "linear"},
                       {"layers", exits.layers},
                       {"pooling", exits.mean ? "mean" : "cls"},
                       {"pooler", exits.pooler}};
  return config;
}

std::string card(const EncoderModule& module, const EncoderSource& source, const EncoderTrainOptions& options,
                 const EncoderFigures& figures, const std::string& sha256) {
  const EncoderConfig& c = module.config();
  const OptimiserOptions& o = options.optimiser;
  std::string text =
      fmt::format("---\nlicense: {}\nlibrary_name: transformers\ntags: [bert, early-exit]\n---\n# {}\n\n",
                  options.license, options.title);
  text += fmt::format(
      "A BERT-shaped classifier of {:.2f} million parameters with {} exit heads, written by `dynexec train{}`.\n",
      static_cast<double>(module.size()) / 1e6, module.exits().layers.size(),
      options.config_path.empty() ? "" : " " + options.config_path);
  if (options.data.kind == "sentences")
    text +=
        "It answers the procedural sentence task of this project and nothing else: no general language ability.\n\n";
  else
    text += "\n";
  text += "| | |\n|---|---|\n";
  text += fmt::format("| vocabulary, positions | {}, {} |\n", c.vocab, c.max_positions);
  text += fmt::format("| width, layers, heads, feed-forward width | {}, {}, {}, {} |\n", c.hidden, c.layers, c.heads,
                      c.intermediate);
  text += fmt::format("| classes | {} |\n", fmt::join(c.class_names, ", "));
  if (!module.exits().layers.empty())
    text += fmt::format("| exit heads | after layers {}; {}{} |\n", fmt::join(module.exits().layers, ", "),
                        module.exits().mean ? "mean of the tokens" : "first token",
                        module.exits().pooler ? ", dense layer with tanh, linear" : ", linear");
  if (source.start) text += fmt::format("| weights at the start | {} |\n", options.start_from);
  text += fmt::format("| weights | {} |\n",
                      options.training == "heads" ? "as they were, heads in fp32" : "fp16 safetensors");
  text += fmt::format("| training | {}, losses weighted {} |\n", options.training, options.weights);
  text += fmt::format("| texts | {} |\n", source.texts.description);
  text += fmt::format("| tokens seen | {} |\n", figures.tokens);
  text += fmt::format("| steps, padded tokens a step | {}, at most {} x {} |\n", figures.steps,
                      options.data.batches_per_step, options.data.batch_tokens);
  text += fmt::format("| optimiser | {}, peak rate {}, cosine to {} of it, warm-up {} steps, decay {}, clip {} |\n",
                      o.kind == "muon" ? "Muon on the layers' matrices, AdamW on the rest" : "AdamW", o.learning_rate,
                      o.final_share, o.warmup, o.weight_decay, o.clip);
  text += fmt::format("| seed, threads, wall time | {}, {}, {} |\n", options.seed, options.threads,
                      format_duration(figures.seconds));
  if (figures.loss >= 0) text += fmt::format("| training loss, last steps | {:.4f} |\n", figures.loss);
  text += fmt::format("\nAccuracy on {} texts that were not trained on:\n\n| group |", options.data.evaluation);
  for (const std::int64_t layer : module.exits().layers) text += fmt::format(" exit after layer {} |", layer);
  text += " classifier |\n|---|";
  for (std::size_t i = 0; i <= module.exits().layers.size(); ++i) text += "---|";
  text += "\n";
  for (const auto& [group, accuracies] : figures.accuracies)
    text += fmt::format("| {} | {:.3f} |\n", group.empty() ? "all" : group, fmt::join(accuracies, " | "));
  text += fmt::format("\nSHA-256 of model.safetensors: `{}`\n", sha256);
  return text;
}

}  // namespace

nlohmann::json bert_config(const EncoderConfig& c) {
  return {{"model_type", "bert"},
          {"vocab_size", c.vocab},
          {"hidden_size", c.hidden},
          {"num_hidden_layers", c.layers},
          {"num_attention_heads", c.heads},
          {"intermediate_size", c.intermediate},
          {"hidden_act", "gelu"},
          {"max_position_embeddings", c.max_positions},
          {"type_vocab_size", c.types},
          {"layer_norm_eps", c.norm_eps},
          {"hidden_dropout_prob", 0.0},
          {"attention_probs_dropout_prob", 0.0},
          {"pad_token_id", 0},
          {"torch_dtype", "float16"}};
}

nlohmann::json word_tokenizer_config(const EncoderConfig& config) {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"cls_token", "[CLS]"},
          {"sep_token", "[SEP]"},
          {"pad_token", "[PAD]"},
          {"unk_token", "[UNK]"},
          {"clean_up_tokenization_spaces", false},
          {"model_max_length", config.max_positions}};
}

void write_with_heads(const std::filesystem::path& path, const ModelFolder& start, const Optimiser::Named& heads) {
  const auto replaced = [&](const std::string& name) {
    return name.starts_with("exits.") ||
           std::any_of(heads.begin(), heads.end(), [&](const auto& head) { return head.first == name; });
  };
  std::vector<TensorView> views;
  for (const std::string& name : start.tensor_names())
    if (!replaced(name)) views.push_back(*start.find(name));
  for (const auto& [name, tensor] : heads)
    views.push_back(
        {name,
         DType::f32,
         tensor.sizes().vec(),
         {static_cast<const std::byte*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.nbytes())}});
  write_safetensors(path, views, {{"format", "pt"}});
}

void export_encoder(const EncoderModule& module, const EncoderSource& source, const EncoderTrainOptions& options,
                    const EncoderFigures& figures) {
  const std::filesystem::path folder = options.output;
  require_writable_folder(folder.string());
  const auto write_json = [&](const char* name, const nlohmann::json& json) {
    write_file_atomically((folder / name).string(), json.dump(2) + "\n");
  };
  write_json("config.json", model_config(module, source));
  write_json("tokenizer.json", source.tokenizer);
  if (!source.start) write_json("tokenizer_config.json", word_tokenizer_config(module.config()));
  const std::filesystem::path weights = folder / "model.safetensors";
  if (options.training == "heads") {
    write_with_heads(weights, *source.start, module.head_parameters());
  } else {
    write_half_weights(weights, module.parameters());
  }
  write_file_atomically((folder / "README.md").string(),
                        card(module, source, options, figures, sha256_file(weights.string())));
}

}  // namespace dynexec
