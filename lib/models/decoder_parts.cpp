#include "models/decoder_parts.hpp"

namespace dynexec {

DecoderReader::DecoderReader(const DecoderConfig& config, const WeightSource& source, const DecoderBuild& build)
    : config_(config), source_(source), build_(build), gpt2_(config.family == "gpt2") {}

std::vector<float> DecoderReader::read(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::vector<float> values = source_(name, shape);
  parameters_ += static_cast<double>(values.size());
  return values;
}

std::vector<float> DecoderReader::vector_if(bool wanted, const std::string& name, std::int64_t size) {
  return wanted ? read(name, {size}) : std::vector<float>{};
}

std::vector<float> DecoderReader::transposed(const std::string& name, std::int64_t out, std::int64_t in) {
  const std::vector<float> source = read(name, {in, out});
  std::vector<float> result(source.size());
  for (std::int64_t i = 0; i < in; ++i) {
    for (std::int64_t o = 0; o < out; ++o) {
      result[static_cast<std::size_t>(o * in + i)] = source[static_cast<std::size_t>(i * out + o)];
    }
  }
  return result;
}

NormPart DecoderReader::norm(const std::string& name, std::int64_t size) {
  NormPart norm{.weight = read(name + ".weight", {size}), .bias = {}};
  norm.bias = vector_if(config_.layer_norm, name + ".bias", size);
  return norm;
}

template <class Values>
StoredMatrix DecoderReader::stored(const std::string& name, std::int64_t out, std::int64_t in, const Values& values) {
  const WeightFormat& format = build_.formats.layers.of(name);
  matrices_.push_back(name);
  if (std::optional<StoredMatrix> matrix = build_.hooks.matrix(name, out, in, format)) {
    parameters_ += static_cast<double>(out) * static_cast<double>(in);
    return *std::move(matrix);
  }
  return round_to_nearest(values(), out, in, format);
}

StoredMatrix DecoderReader::stored(const std::string& name, std::int64_t out, std::int64_t in) {
  return stored(name, out, in, [&] { return read(name, {out, in}); });
}

// NAME.weight and, where there is one, NAME.bias.
MatrixPart DecoderReader::matrix(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
  MatrixPart part{.name = name + ".weight", .weight = stored(name + ".weight", out, in), .bias = {}};
  part.bias = vector_if(bias, name + ".bias", out);
  return part;
}

MatrixPart DecoderReader::conv(const std::string& name, std::int64_t out, std::int64_t in) {
  const std::string weight = name + ".weight";
  MatrixPart part{
      .name = weight, .weight = stored(weight, out, in, [&] { return transposed(weight, out, in); }), .bias = {}};
  part.bias = read(name + ".bias", {out});
  return part;
}

LayerParts DecoderReader::llama_layer(const std::string& layer) {
  const DecoderConfig& c = config_;
  const std::string attention = layer + ".self_attn.", mlp = layer + ".mlp.";
  LayerParts parts;
  parts.attention_norm = norm(layer + ".input_layernorm", c.hidden);
  parts.mlp_norm = norm(layer + ".post_attention_layernorm", c.hidden);
  if (c.qk_norm) {
    parts.query_norm = norm(attention + "q_norm", c.head_dim);
    parts.key_norm = norm(attention + "k_norm", c.head_dim);
  }
  parts.qkv.push_back(matrix(attention + "q_proj", c.query_size(), c.hidden, c.qkv_bias));
  for (const char* name : {"k_proj", "v_proj"})
    parts.qkv.push_back(matrix(attention + name, c.kv_size(), c.hidden, c.qkv_bias));
  parts.out = matrix(attention + "o_proj", c.hidden, c.query_size(), c.out_bias);
  require_one_format(build_.formats.layers, mlp + "gate_proj.weight", mlp + "up_proj.weight", build_.origin);
  parts.mlp_in = matrix(mlp + "gate_proj", c.intermediate, c.hidden, c.mlp_bias);
  parts.up = matrix(mlp + "up_proj", c.intermediate, c.hidden, c.mlp_bias);
  parts.mlp_out = matrix(mlp + "down_proj", c.hidden, c.intermediate, c.mlp_bias);
  return parts;
}

LayerParts DecoderReader::gpt2_layer(const std::string& layer) {
  const DecoderConfig& c = config_;
  LayerParts parts;
  parts.attention_norm = norm(layer + ".ln_1", c.hidden);
  parts.mlp_norm = norm(layer + ".ln_2", c.hidden);
  parts.qkv.push_back(conv(layer + ".attn.c_attn", 3 * c.hidden, c.hidden));
  parts.out = conv(layer + ".attn.c_proj", c.hidden, c.hidden);
  parts.mlp_in = conv(layer + ".mlp.c_fc", c.intermediate, c.hidden);
  parts.mlp_out = conv(layer + ".mlp.c_proj", c.hidden, c.intermediate);
  return parts;
}

std::vector<float> DecoderReader::embedding() {
  return read(gpt2_ ? "transformer.wte.weight" : "model.embed_tokens.weight", {config_.vocab, config_.hidden});
}

std::vector<float> DecoderReader::head() {
  return read("lm_head.weight", {config_.vocab, config_.hidden});
}

std::vector<float> DecoderReader::positions() {
  return read("transformer.wpe.weight", {config_.max_positions, config_.hidden});
}

LayerParts DecoderReader::layer(std::int64_t index) {
  const std::string number = std::to_string(index);
  return gpt2_ ? gpt2_layer("transformer.h." + number) : llama_layer("model.layers." + number);
}

NormPart DecoderReader::final_norm() {
  return norm(gpt2_ ? "transformer.ln_f" : "model.norm", config_.hidden);
}

}  // namespace dynexec
