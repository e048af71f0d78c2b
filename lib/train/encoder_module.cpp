#include "train/encoder_module.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <cmath>

#include "base/random.hpp"

namespace dynexec {
namespace {

constexpr double kEmbeddingDeviation = 0.02;

// Positions near each other begin alike, so that heads which look at neighbours form sooner (the table of Vaswani et
// al. 2017, section 3.5, at the size of the other embeddings).
void set_sinusoids(const at::Tensor& table) {
  const c10::NoGradGuard no_grad;
  float* values = table.mutable_data_ptr<float>();
  const std::int64_t rows = table.size(0), width = table.size(1), half = width / 2;
  const double size = kEmbeddingDeviation * std::sqrt(2.0);
  for (std::int64_t position = 0; position < rows; ++position)
    for (std::int64_t i = 0; i < half; ++i) {
      const double rate = std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
      const double angle = static_cast<double>(position) * rate;
      values[position * width + i] = static_cast<float>(size * std::sin(angle));
      values[position * width + half + i] = static_cast<float>(size * std::cos(angle));
    }
}

}  // namespace

at::Tensor mean_over_tokens(const at::Tensor& x, const at::Tensor& mask) {
  const at::Tensor weights = mask.to(at::kFloat).unsqueeze(-1);
  return (x * weights).sum(1) / weights.sum(1);
}

std::string exit_prefix(std::int64_t layer) {
  return fmt::format("exits.{}.", layer);
}

EncoderModule::EncoderModule(const EncoderConfig& config, const EncoderExitConfig& exits, std::uint64_t seed)
    : config_(config), exits_(exits), names_(config.family) {
  const std::int64_t width = config_.hidden;
  add_matrix(names_.words, config_.vocab, width, kEmbeddingDeviation, seed);
  add_matrix(names_.positions, config_.max_positions, width, kEmbeddingDeviation, seed);
  if (config_.types > 0) add_matrix(names_.types, config_.types, width, kEmbeddingDeviation, seed);
  add_norm(names_.embedding_norm);
  for (std::int64_t l = 0; l < config_.layers; ++l) {
    for (const std::string* part : {&names_.query, &names_.key, &names_.value, &names_.out})
      add_dense(names_.layer(l, *part), width, width, seed);
    add_norm(names_.layer(l, names_.attention_norm));
    add_dense(names_.layer(l, names_.inner), config_.intermediate, width, seed);
    add_dense(names_.layer(l, names_.outer), width, config_.intermediate, seed);
    add_norm(names_.layer(l, names_.output_norm));
  }
  add_dense(names_.pooler, width, width, seed);
  add_dense(names_.classifier, config_.classes, width, seed);
  set_sinusoids(at(names_.positions + ".weight"));
  for (std::int64_t l = 0; l < config_.layers; ++l) align_heads(l);
  for (const std::int64_t layer : exits_.layers) {
    if (exits_.pooler) add_dense(exit_prefix(layer) + "pooler", width, width, seed);
    add_dense(exit_prefix(layer) + "linear", config_.classes, width, seed);
  }
}

void EncoderModule::add(const std::string& name, at::Tensor value) {
  value = value.contiguous();
  value.requires_grad_(true);
  index_[name] = parameters_.size();
  parameters_.emplace_back(name, std::move(value));
}

void EncoderModule::add_matrix(const std::string& name, std::int64_t rows, std::int64_t columns, double deviation,
                               std::uint64_t seed) {
  at::Tensor weight = at::empty({rows, columns});
  RandomStream random(seed, drawn_++, 0, static_cast<std::uint32_t>(Purpose::weights));
  float* values = weight.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < weight.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  add(name + ".weight", std::move(weight));
}

void EncoderModule::add_dense(const std::string& name, std::int64_t out, std::int64_t in, std::uint64_t seed) {
  add_matrix(name, out, in, 1 / std::sqrt(static_cast<double>(in)), seed);
  add(name + ".bias", at::zeros({out}));
}

// Half of the heads begin with keys like queries: a token looks at tokens like itself, which are its neighbours and the
// other places of the same word (after Trockman & Kolter 2023, "Mimetic initialization of self-attention layers").
void EncoderModule::align_heads(std::int64_t layer) {
  const c10::NoGradGuard no_grad;
  const std::int64_t rows = config_.heads / 2 * config_.head_dim();
  at(names_.layer(layer, names_.key) + ".weight")
      .narrow(0, 0, rows)
      .copy_(at(names_.layer(layer, names_.query) + ".weight").narrow(0, 0, rows));
}

void EncoderModule::add_norm(const std::string& name) {
  add(name + ".weight", at::ones({config_.hidden}));
  add(name + ".bias", at::zeros({config_.hidden}));
}

void EncoderModule::load(const ModelFolder& folder) {
  const c10::NoGradGuard no_grad;
  for (auto& [name, tensor] : parameters_) {
    const auto found = folder.find(name);
    if (name.starts_with("exits.") && (!found || found->shape != tensor.sizes().vec())) continue;
    // A bare encoder has no classifier, and not always the dense layer before it.
    const bool own_head = name.starts_with(names_.classifier) || name.starts_with(names_.pooler);
    if (own_head && !found && !folder.find(names_.classifier + ".weight")) continue;
    std::string stored = name;
    if (const std::size_t at = name.find("LayerNorm."); at != std::string::npos && !found)
      stored = name.substr(0, at + 10) + (name.ends_with("weight") ? "gamma" : "beta");
    const TensorView view = folder.require(folder.find(stored) ? stored : name, tensor.sizes().vec());
    copy_as_f32(view, {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
  }
}

const at::Tensor& EncoderModule::at(const std::string& name) const {
  return parameters_[index_.at(name)].second;
}

at::Tensor EncoderModule::dense(const std::string& name, const at::Tensor& x) const {
  return at::linear(x, at(name + ".weight"), at(name + ".bias"));
}

at::Tensor EncoderModule::norm(const std::string& name, const at::Tensor& x) const {
  return at::layer_norm(x, {config_.hidden}, at(name + ".weight"), at(name + ".bias"), config_.norm_eps);
}

at::Tensor EncoderModule::activate(const at::Tensor& x) const {
  switch (config_.activation) {
    case Activation::relu:
      return at::relu(x);
    case Activation::silu:
      return at::silu(x);
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    default:
      return at::gelu(x, "none");
  }
}

at::Tensor EncoderModule::block(std::int64_t layer, const at::Tensor& x, const at::Tensor& mask) const {
  const std::int64_t batch = x.size(0), time = x.size(1);
  const auto part = [&](const std::string& name) {
    return dense(names_.layer(layer, name), x).view({batch, time, config_.heads, config_.head_dim()}).transpose(1, 2);
  };
  const at::Tensor mixed =
      at::scaled_dot_product_attention(part(names_.query), part(names_.key), part(names_.value), mask, 0.0, false)
          .transpose(1, 2)
          .reshape({batch, time, config_.hidden});
  const at::Tensor middle =
      norm(names_.layer(layer, names_.attention_norm), x + dense(names_.layer(layer, names_.out), mixed));
  const at::Tensor inner = activate(dense(names_.layer(layer, names_.inner), middle));
  return norm(names_.layer(layer, names_.output_norm), middle + dense(names_.layer(layer, names_.outer), inner));
}

at::Tensor EncoderModule::head(std::int64_t layer, const at::Tensor& x, const at::Tensor& mask) const {
  at::Tensor pooled = exits_.mean ? mean_over_tokens(x, mask) : x.select(1, 0);
  if (exits_.pooler) pooled = at::tanh(dense(exit_prefix(layer) + "pooler", pooled));
  return dense(exit_prefix(layer) + "linear", pooled);
}

at::Tensor EncoderModule::embed(const at::Tensor& ids) const {
  at::Tensor x = at::embedding(at(names_.words + ".weight"), ids) +
                 at(names_.positions + ".weight").narrow(0, 0, ids.size(1)).unsqueeze(0);
  if (config_.types > 0) x = x + at(names_.types + ".weight").select(0, 0);
  return norm(names_.embedding_norm, x);
}

at::Tensor EncoderModule::states(const at::Tensor& ids, const at::Tensor& mask) const {
  at::Tensor x = embed(ids);
  const at::Tensor wide = mask.unsqueeze(1).unsqueeze(1);  // [batch, 1, 1, time]
  for (std::int64_t l = 0; l < config_.layers; ++l) x = block(l, x, wide);
  return x;
}

std::vector<at::Tensor> EncoderModule::forward(const at::Tensor& ids, const at::Tensor& mask, bool exits) const {
  at::Tensor x = embed(ids);
  const at::Tensor wide = mask.unsqueeze(1).unsqueeze(1);  // [batch, 1, 1, time]
  std::vector<at::Tensor> logits;
  std::size_t next = 0;
  for (std::int64_t l = 0; l < config_.layers; ++l) {
    x = block(l, x, wide);
    if (exits && next < exits_.layers.size() && exits_.layers[next] == l) {
      logits.push_back(head(l, x, mask));
      ++next;
    }
  }
  const at::Tensor dense_first = dense(names_.pooler, x.select(1, 0));
  const at::Tensor pooled = config_.family == "bert" ? at::tanh(dense_first) : at::relu(dense_first);
  logits.push_back(dense(names_.classifier, pooled));
  return logits;
}

Optimiser::Named EncoderModule::head_parameters() const {
  Optimiser::Named heads;
  for (const auto& parameter : parameters_)
    if (parameter.first.starts_with("exits.")) heads.push_back(parameter);
  return heads;
}

void EncoderModule::freeze_encoder() {
  for (auto& [name, tensor] : parameters_) tensor.requires_grad_(name.starts_with("exits."));
}

std::map<std::string, std::vector<std::int64_t>> EncoderModule::row_blocks() const {
  std::map<std::string, std::vector<std::int64_t>> blocks;
  for (std::int64_t l = 0; l < config_.layers; ++l)
    for (const std::string* part :
         {&names_.query, &names_.key, &names_.value, &names_.out, &names_.inner, &names_.outer}) {
      const std::string name = names_.layer(l, *part) + ".weight";
      blocks[name] = {at(name).size(0)};
    }
  return blocks;
}

std::int64_t EncoderModule::size() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : parameters_) count += tensor.numel();
  return count;
}

}  // namespace dynexec
