#include "models/diffusion/clip_text.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/sigmoid.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec::diffusers {
namespace {

constexpr double kQuickGelu = 1.702;

ClipTextLayer take_layer(TensorSource& source, const std::string& name, const ClipTextConfig& config) {
  const std::int64_t width = config.width;
  ClipTextLayer layer;
  layer.norm1 = source.norm(name + ".layer_norm1", width, 0, config.epsilon);
  layer.query = source.dense(name + ".self_attn.q_proj", width, width);
  layer.key = source.dense(name + ".self_attn.k_proj", width, width);
  layer.value = source.dense(name + ".self_attn.v_proj", width, width);
  layer.out = source.dense(name + ".self_attn.out_proj", width, width);
  layer.norm2 = source.norm(name + ".layer_norm2", width, 0, config.epsilon);
  layer.inner = source.dense(name + ".mlp.fc1", config.inner, width);
  layer.outer = source.dense(name + ".mlp.fc2", width, config.inner);
  return layer;
}

at::Tensor run_layer(const ClipTextLayer& layer, const ClipTextConfig& config, const at::Tensor& x, Cost& cost) {
  const at::Tensor normed = norm(layer.norm1, x, cost);
  const at::Tensor key = split_heads(dense(layer.key, normed, cost), config.heads);
  const at::Tensor value = split_heads(dense(layer.value, normed, cost), config.heads);
  const at::Tensor h = x + dense(layer.out, attend(dense(layer.query, normed, cost), key, value, true, cost), cost);
  const at::Tensor inner = dense(layer.inner, norm(layer.norm2, h, cost), cost);
  return h + dense(layer.outer, config.quick_gelu ? inner * at::sigmoid(inner * kQuickGelu) : at::gelu(inner), cost);
}

[[noreturn]] void refuse_text(std::size_t row, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::data, what, fmt::format("text {}", row), hint);
}

at::Tensor checked_ids(std::span<const std::vector<std::int32_t>> texts, const ClipTextConfig& config) {
  if (texts.empty()) throw Error(ErrorKind::data, "there is no text to encode", "", "give at least one text");
  const std::size_t length = texts[0].size();
  at::Tensor ids = at::empty({static_cast<std::int64_t>(texts.size()), static_cast<std::int64_t>(length)}, at::kLong);
  auto* out = ids.mutable_data_ptr<std::int64_t>();
  for (std::size_t row = 0; row < texts.size(); ++row) {
    if (texts[row].size() != length || length == 0)
      refuse_text(row, fmt::format("{} tokens beside a text of {}", texts[row].size(), length),
                  "pad all texts to the same length of at least one token");
    if (static_cast<std::int64_t>(length) > config.positions)
      refuse_text(row, fmt::format("{} tokens are more than the {} of the text encoder", length, config.positions),
                  "shorten the text");
    for (const std::int32_t id : texts[row]) {
      if (id < 0 || id >= config.vocab)
        refuse_text(row, fmt::format("the id {} is outside the vocabulary of {}", id, config.vocab),
                    "use the tokenizer that belongs to the text encoder");
      *out++ = id;
    }
  }
  return ids;
}

}  // namespace

ClipTextWeights take_clip_text(const ClipTextConfig& config, TensorSource& source) {
  // transformers wrote the prefix up to version 4.
  const std::string prefix = source.has("text_model.embeddings.token_embedding.weight") ? "text_model." : "";
  ClipTextWeights weights;
  weights.config = config;
  weights.words = source.take(prefix + "embeddings.token_embedding.weight", {config.vocab, config.width});
  weights.positions = source.take(prefix + "embeddings.position_embedding.weight", {config.positions, config.width});
  for (std::int64_t i = 0; i < config.layers; ++i)
    weights.layers.push_back(take_layer(source, fmt::format("{}encoder.layers.{}", prefix, i), config));
  weights.final_norm = source.norm(prefix + "final_layer_norm", config.width, 0, config.epsilon);
  return weights;
}

at::Tensor encode_clip_text(const ClipTextWeights& weights, const at::Tensor& ids, std::int64_t skip, Cost& cost) {
  at::Tensor x = at::embedding(weights.words, ids) + weights.positions.narrow(0, 0, ids.size(1));
  const std::size_t layers = weights.layers.size() - static_cast<std::size_t>(skip);
  for (std::size_t i = 0; i < layers; ++i) x = run_layer(weights.layers[i], weights.config, x, cost);
  return norm(weights.final_norm, x, cost);
}

std::shared_ptr<const ClipText> ClipText::load(const ModelFolder& folder) {
  const ClipTextConfig config = parse_clip_text_config(folder.config(), (folder.path() / "config.json").string());
  FolderSource source(folder);
  ClipTextWeights weights = take_clip_text(config, source);
  source.refuse_rest({"text_projection.", "text_model.embeddings.position_ids", "embeddings.position_ids"});
  return std::shared_ptr<const ClipText>(new ClipText(std::move(weights), source.parameters()));
}

std::shared_ptr<const ClipText> ClipText::load(const std::filesystem::path& folder) {
  return load(ModelFolder::open(folder));
}

at::Tensor ClipText::encode(std::span<const std::vector<std::int32_t>> texts, Cost& cost, std::int64_t skip) const {
  const c10::InferenceMode guard;
  if (skip < 0 || skip > config().layers)
    throw Error(ErrorKind::internal, fmt::format("{} of {} layers cannot be left out", skip, config().layers),
                "text encoder", "");
  return encode_clip_text(weights_, checked_ids(texts, config()), skip, cost);
}

}  // namespace dynexec::diffusers
